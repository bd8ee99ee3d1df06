assay_benchmark(io/metadata metadata.cpp small_files.cpp small_files_test.cpp metadata_test.cpp)
