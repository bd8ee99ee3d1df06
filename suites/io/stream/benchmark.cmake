assay_benchmark(io/stream stream.cpp describe.cpp layout.cpp transfer.cpp mpi_transfer.cpp layout_test.cpp launched_test.cpp)
