"""What a GPU does for trials, in one command that needs neither Ray nor Optuna: one JSON on stdout, progress on stderr.

    python -m benchmarks.gpu [--minutes 8] [--device cuda] [--quick] > gpu.json

What is measured is what a trial runs: the trainer, its batches, the families at their presets (`paper`, and `small` if
there is one), the predictor, on a simulated scene of the size of Indian Pines (145 x 145 pixels, 200 bands, 16 classes,
random 10 %). Without a GPU the same command is a dry run of the cheapest preset of each family. `--quick`: one family
on a scene of 48 x 48, in seconds.

From PyPI it imports torch, numpy, scipy, scikit-learn, psutil, threadpoolctl and pydantic 2; nvidia-ml-py if it is
there; `torch.compile` wants a C compiler. For a machine without one of them and without a network: elsewhere `pip
install --target DIR --only-binary=:all: --python-version 3.12 pydantic`, there PYTHONPATH=DIR. It runs from the root of
a checkout.

The JSON: `asked`, `machine`, `scene`, `sections`, `reasons`, `seconds`. A section has `seconds`, `errors` and `cells`,
by family/preset or by the way in which trials run; what a cell holds:

| section | figures |
|---|---|
| `conformance` | `logits`, `loss`, `loss_after_a_step`, `first_step`, `conforms`, `bf16_logits` |
| `steps` | `batch`, `steps_per_epoch`, `parameters`, `bf16`, `float32`, `host_step_seconds` |
| `bf16`, `float32` | `step_seconds`, `epoch_seconds`, `peak_memory_bytes`, `busy_share_kernels` |
| `trials` | `trials_per_hour`, `busy_share_nvml`; of `memory`: `free_bytes`, `trial_bytes`, `fit` |
| `graphs` | `eager_step_seconds`, `graph_step_seconds`, `capture_seconds` |
| `maps` | `pixels_per_second`, `projection_share` |
| `compiled` | `eager_step_seconds`, `compiled_step_seconds`, `compile_seconds`, `graph_step_seconds` |

* conformance: float32 without TF32 on the device against the CPU, the same weights and batch, dropout off: the largest
  difference of logits over the largest logit, and relative differences of the loss before and after a step;
  `first_step`: by how much that step changed the loss; `conforms`: all three differences are below 1e-3.
* steps: the mean of many, with their batches, in float32 as torch has it (convolutions in TF32); an epoch with its
  validation; memory that torch allocated (on a CPU: that was resident); kernels' time, overlaps once, over the time
  of as many steps without the profiler. `host_step_seconds`: bf16, if batches are gathered on the CPU and sent one by
  one; else everything is on the device.
* trials: of one family, 50 epochs each, validation left out. `alone`: one process, one trial. `streams-N`: N in one
  process, a step of each in turn on a stream of its own. `processes-N`: a process each, as trials run. `stacked-N`: N
  models in one stream of kernels, `stacked-N-graph` as a CUDA graph. `memory`: what hsiauto's probe finds, and how many
  trials it lets fit. NVML: share of the time in which any kernel ran, sampled.
* graphs: whole batches; the trainer's step, the optimiser's included, captured once. A captured step keeps its learning
  rate. compiled: the loss by `torch.compile`; `compile_seconds` is the first steps' time beyond that of later ones;
  `graph_step_seconds`: the compiled step captured.
* maps: `predict_scene` on eight such scenes one below another; the share of it in which the CPU projects the cube.

A figure that is null has its reason in `reasons`, under its path. Sections share the time that is left; each runs in a
process of its own, and one that fails, hangs or dies gives its place to a fresh one: an error costs the cell that it
was in, and stands in its section's `errors`.
"""
