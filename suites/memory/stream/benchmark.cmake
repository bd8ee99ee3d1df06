assay_benchmark(memory/stream stream.cpp formulas.cpp arrays.cpp kernels.cpp stream_test.cpp launched_test.cpp)
