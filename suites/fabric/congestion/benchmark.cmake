assay_benchmark(fabric/congestion congestion.cpp roles.cpp impact.cpp traffic.cpp window.cpp congestion_test.cpp launched_test.cpp)
