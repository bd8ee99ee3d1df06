assay_benchmark(memory/stream stream.cpp formulas.cpp arrays.cpp kernels.cpp stream_on_gpu.cpp stream.gpu.cpp stream_test.cpp launched_test.cpp)
