assay_benchmark(node/burn burn.cpp compute.cpp kernels.cpp patterns.cpp burn_test.cpp)
