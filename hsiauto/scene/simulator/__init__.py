"""The parts of the simulator, in the order that light takes: spectra -> fields -> sensor."""
