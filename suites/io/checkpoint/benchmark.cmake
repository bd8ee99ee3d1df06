assay_benchmark(io/checkpoint checkpoint.cpp checkpoint_files.cpp checkpoint_sizes.cpp memory.cpp checkpoint_sizes_test.cpp checkpoint_files_test.cpp checkpoint_test.cpp)
