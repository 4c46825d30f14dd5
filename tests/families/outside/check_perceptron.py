from hsiauto_perceptron import PerceptronConfig  # type: ignore[import-not-found]

from hsiauto.testing import conformance

TestPerceptron = conformance(PerceptronConfig)
