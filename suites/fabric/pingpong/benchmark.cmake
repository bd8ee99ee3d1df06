assay_benchmark(fabric/pingpong pingpong.cpp pairs.cpp talk.cpp pingpong_test.cpp launched_test.cpp)
