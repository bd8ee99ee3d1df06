assay_benchmark(node/noise noise.cpp quanta.cpp)
