assay_benchmark(node/noise noise.cpp quanta.cpp noise_test.cpp)
