"""Turns reflectance on the ground into counts: sun, air, optics, detector."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsiauto.scene.simulator.spectra import gaussians

Floats = npt.NDArray[np.float32]

_WATER_VAPOUR = ((760, 6, 0.5), (940, 22, 0.7), (1130, 25, 0.8), (1385, 42, 3.0), (1880, 55, 3.5), (2010, 12, 0.5))
"""Optical depth of the air: centre nm, width nm, depth (760 nm is oxygen, 2010 nm carbon dioxide)."""


def blur(maps_KHW: Floats, sigma: float) -> Floats:
    """Point spread of the optics: each map (K, H, W) convolved with a Gaussian of `sigma` pixels.

    Applied to abundances, this is the linear mixing of the ground at the boundaries of fields.
    """
    return np.stack([ndimage.gaussian_filter(m, sigma, mode="nearest") for m in maps_KHW])


@dataclass(frozen=True)
class Sensor:
    """An imaging spectrometer above the atmosphere's water vapour. Spectra are (C,) float32."""

    gain: Floats
    """Counts per unit reflectance in full light: detector response, sun and transmittance."""
    path: Floats
    """Counts of the air between ground and sensor."""
    read_noise: float
    """Counts, standard deviation."""
    photons_per_count: float
    dead: npt.NDArray[np.intp]
    """Bands that always read 0."""

    @classmethod
    def draw(cls, nm: npt.NDArray[np.float64], rng: np.random.Generator) -> "Sensor":
        """A sensor for the band centres `nm` (C,), with 2 % of its bands dead: infrared detectors fail first."""
        sun = (nm / 560) ** 2 * np.exp(2 * (1 - nm / 560)) * 0.75 + 0.25 * np.exp(-nm / 1600)
        transmittance = np.exp(-gaussians(nm, _WATER_VAPOUR))
        response = 1 + 0.04 * rng.standard_normal(nm.size)  # residual gain of each detector
        gain = 8000 * sun * transmittance * response
        path = 160 * (450 / nm) ** 3.5
        n_dead = max(1, round(0.02 * nm.size))
        dead = np.sort(rng.choice(np.flatnonzero(nm > 1000), n_dead, replace=False))
        return cls(gain.astype(np.float32), path.astype(np.float32), 6.0, 1.5, dead)

    def expose(self, reflectance: Floats, light: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
        """Counts (N, C) of `reflectance` (N, C) under `light` (N,): noise grows with the signal."""
        signal = reflectance * light[:, None] * self.gain + self.path
        noise = rng.standard_normal(signal.shape, dtype=np.float32)
        noise *= np.sqrt(signal / self.photons_per_count + self.read_noise**2)
        counts = np.clip(np.rint(signal + noise), 0, 65535).astype(np.uint16)
        counts[:, self.dead] = 0
        return counts
