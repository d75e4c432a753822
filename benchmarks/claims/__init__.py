"""The claims of Liao et al. (2017), each tested by short trainings that differ in one thing."""
