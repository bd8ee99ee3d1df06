#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "suites/device/device.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/environment.h"
#include "suites/device/host/fma_probe.h"
#include "suites/device/host/onednn.h"
#include "suites/device/host/openblas.h"

namespace assay::device {
namespace {

TEST(Environment, IsTakenAwayAndPutBack) {
  setenv("ASSAY_TEST_ONE", "1", 1);
  setenv("ASSAY_TEST_EMPTY", "", 1);
  setenv("ASSAY_OTHER", "kept", 1);
  unsetenv("ASSAY_TEST_NEW");
  {
    WithoutEnvironment environment({"ASSAY_TEST_"});
    EXPECT_EQ(environment.cleared().size(), 2u);
    EXPECT_EQ(std::getenv("ASSAY_TEST_ONE"), nullptr);
    EXPECT_EQ(std::getenv("ASSAY_TEST_EMPTY"), nullptr);
    EXPECT_STREQ(std::getenv("ASSAY_OTHER"), "kept");
    environment.set("ASSAY_TEST_NEW", "2");
    environment.set("ASSAY_TEST_ONE", "3");
  }
  EXPECT_STREQ(std::getenv("ASSAY_TEST_ONE"), "1");
  EXPECT_STREQ(std::getenv("ASSAY_TEST_EMPTY"), "");
  EXPECT_EQ(std::getenv("ASSAY_TEST_NEW"), nullptr);
  EXPECT_EQ(to_string({{"A", "1"}, {"B", ""}}), "A=1 B=");
}

/// In a process of its own (a death test that starts the program again): the library is not loaded yet.
void load_with_stray_variables() {
  setenv("OPENBLAS_CORETYPE", "Prescott", 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  const OpenBlas& blas = OpenBlas::instance();
  if (!blas.missing().empty()) std::exit(2);
  const bool recorded =
      blas.cleared().count("OPENBLAS_CORETYPE") == 1 && blas.cleared().count("OPENBLAS_NUM_THREADS") == 1;
  const bool restored = std::string(std::getenv("OPENBLAS_CORETYPE")) == "Prescott";
  const bool ignored = openblas_vector_bits(blas.core()) >= std::min(256, cpu_features().vector_bits);
  std::exit(recorded && restored && ignored ? 0 : 1);
}

TEST(OpenBlasDeathTest, IgnoresInheritedVariables) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto loaded_well_or_missing = [](int status) {
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2);
  };
  EXPECT_EXIT(load_with_stray_variables(), loaded_well_or_missing, "");
  if (!OpenBlas::instance().missing().empty()) GTEST_SKIP() << OpenBlas::instance().missing();
}

TEST(OpenBlas, UsesTheThreadsAskedForAndFitsTheProcessor) {
  OpenBlas& blas = OpenBlas::instance();
  if (!blas.missing().empty()) GTEST_SKIP() << blas.missing();
  EXPECT_FALSE(blas.version().empty());
  EXPECT_FALSE(blas.core().empty());
  if (blas.threading() != "sequential") {
    EXPECT_EQ(blas.use_threads(2), 2);
    EXPECT_EQ(blas.use_threads(1), 1);
  }
  if (blas.warning().empty() && openblas_vector_bits(blas.core()) != 0) {
    EXPECT_GE(openblas_vector_bits(blas.core()), cpu_features().vector_bits);
  }
}

/// An OpenBLAS that takes the processor for one of SSE times.
void load_a_narrow_library() {
  const OpenBlas blas("Prescott");
  if (!blas.missing().empty() || blas.detected_core() != "Prescott") std::exit(2);
  const bool wide = openblas_vector_bits(blas.core()) >= cpu_features().vector_bits && blas.warning().empty();
  std::exit(wide ? 0 : 1);
}

TEST(OpenBlasDeathTest, ATooNarrowChoiceIsCorrected) {
  if (cpu_features().vector_bits < 256) GTEST_SKIP() << "this processor has nothing above SSE";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto corrected_or_missing = [](int status) {
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2);
  };
  EXPECT_EXIT(load_a_narrow_library(), corrected_or_missing, "");
}

TEST(OpenBlas, WidthsOfCoreTypes) {
  EXPECT_EQ(openblas_vector_bits("SkylakeX"), 512);
  EXPECT_EQ(openblas_vector_bits("Cooperlake"), 512);
  EXPECT_EQ(openblas_vector_bits("Haswell"), 256);
  EXPECT_EQ(openblas_vector_bits("ZEN"), 256);
  EXPECT_EQ(openblas_vector_bits("Prescott"), 128);
  EXPECT_EQ(openblas_vector_bits("neoversev1"), 0);
}

void use_onednn_with_stray_limit() {
  setenv("DNNL_MAX_CPU_ISA", "SSE41", 1);
  const OneDnnFacts& facts = onednn_facts();
  std::exit(facts.cleared == "DNNL_MAX_CPU_ISA=SSE41" && facts.isa != "sse41" ? 0 : 1);
}

TEST(OneDnnDeathTest, LiftsInheritedLimits) {
  if (cpu_features().vector_bits < 256) GTEST_SKIP() << "this processor has nothing above SSE";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  unsetenv("ONEDNN_MAX_CPU_ISA");
  EXPECT_EXIT(use_onednn_with_stray_limit(), testing::ExitedWithCode(0), "");
}

TEST(FmaProbe, GivesACeilingForEachTypeThatThisProcessorHas) {
  for (const Element element : {Element::f64, Element::f32, Element::bf16, Element::int8}) {
    const std::optional<Ceiling> ceiling = measure_fma_ceiling(element, 2);
    if (element == Element::f64 || element == Element::f32) {
      ASSERT_TRUE(ceiling.has_value());
    }
    if (!ceiling) continue;
    EXPECT_GT(ceiling->per_second, 0) << name_of(element);
    EXPECT_TRUE(std::isfinite(ceiling->per_second));
    EXPECT_NE(ceiling->source.find("2 threads"), std::string::npos);
  }
  EXPECT_FALSE(measure_fma_ceiling(Element::int32, 1).has_value());
  EXPECT_FALSE(measure_fma_ceiling(Element::f32, 0).has_value());
}

TEST(Host, DescribesItself) {
  EXPECT_EQ(host().kind(), "cpu");
  EXPECT_FALSE(host().name().empty());
  EXPECT_TRUE(host().available_bytes().value_or(1) > 0);
  EXPECT_FALSE(usable_processors().empty());
  EXPECT_EQ(host().libraries().count("onednn_version"), 1u);
  auto buffer = host().allocate(5'000'000);
  EXPECT_EQ(buffer->bytes(), 5'000'000u);
  static_cast<char*>(buffer->host())[4'999'999] = 1;
  EXPECT_NO_THROW(host().allocate(0));
}

}  // namespace
}  // namespace assay::device
