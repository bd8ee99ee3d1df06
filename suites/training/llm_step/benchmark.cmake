assay_benchmark(training/llm_step llm_step.cpp checkpointing.cpp describe.cpp figures.cpp settings.cpp corpus.cpp verdict.cpp settings_test.cpp verdict_test.cpp launched_test.cpp)
