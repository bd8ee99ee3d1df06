assay_benchmark(memory/stream stream.cpp formulas.cpp arrays.cpp kernels.cpp)
