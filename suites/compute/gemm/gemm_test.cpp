#include "suites/compute/gemm/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "suites/compute/gemm/gemm_check.h"
#include "suites/compute/gemm/gemm_data.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

const Benchmark& compute_gemm();

namespace {

using device::Element;

constexpr Element all_operands[] = {Element::f64, Element::f32, Element::bf16, Element::int8};

Parameters parameters(Element element, std::int64_t m, std::int64_t n, std::int64_t k,
                      const std::string& device = "host") {
  return {{"dtype", std::string(device::name_of(element))},
          {"m", m},
          {"n", n},
          {"k", k},
          {"device", device},
          {"sustain", 0.0},
          {"search", false}};
}

/// Runs a case as the harness does: prepare, a pass, poison, a pass, then what the test wants.
class RunCase {
 public:
  RunCase(Element element, std::int64_t m, std::int64_t n, std::int64_t k)
      : context_{group_, 2, 42, 4096, Fault::none} {
    const Parameters given = parameters(element, m, n, k);
    reason_ = compute_gemm().unsupported(given, context_);
    if (!reason_.empty()) return;
    case_.reset(dynamic_cast<LoopCase*>(compute_gemm().make(given, context_).release()));
    case_->prepare();
    pass();
    case_->poison();
  }
  void pass() {
    for (int slot = 0; slot < case_->ring(); ++slot) case_->iterate(slot);
  }
  const std::string& reason() const { return reason_; }
  LoopCase& operator*() { return *case_; }
  LoopCase* operator->() { return case_.get(); }

 private:
  ProcessGroup group_;
  Context context_;
  std::string reason_;
  std::unique_ptr<LoopCase> case_;
};

TEST(GemmFormulas, WorkMemoryAndRing) {
  const GemmCase square{Element::f32, 2048, 2048, 2048};
  EXPECT_EQ(gemm_operations(square), 17179869184.0);          // 2^34
  EXPECT_EQ(gemm_slot_bytes(square), 3.0 * 2048 * 2048 * 4);  // 48 MiB
  EXPECT_EQ(gemm_ring(square, std::uint64_t{32} << 20), 2);   // 96 MiB exceed 64 MiB
  EXPECT_EQ(gemm_ring(square, std::uint64_t{24} << 20), 2);   // 48 MiB do not exceed 48 MiB
  EXPECT_EQ(gemm_ring({Element::f32, 4096, 4096, 4096}, std::uint64_t{32} << 20), 1);
  EXPECT_EQ(gemm_ring({Element::f32, 1, 1, 1}, std::uint64_t{32} << 20), 256);
  EXPECT_EQ(gemm_ring(square, 0), 2);
  EXPECT_EQ(gemm_slot_bytes({Element::int8, 10, 20, 30}), 10 * 30 + 30 * 20 + 10 * 20 * 4);
  EXPECT_EQ(gemm_slot_bytes({Element::bf16, 10, 20, 30}), (10 * 30 + 30 * 20 + 10 * 20) * 2);
}

TEST(GemmFormulas, Int8SumsCannotOverflow) {
  EXPECT_EQ(int8_range(1, 127), 127);
  EXPECT_EQ(int8_range(133144, 127), 127);  // 133144 * 127^2 = 2147479576 <= 2^31 - 1
  EXPECT_EQ(int8_range(133145, 127), 126);  // 133145 * 127^2 = 2147495705
  EXPECT_EQ(int8_range(2147483647, 127), 1);
  EXPECT_EQ(int8_range(4096, 63), 63);
}

TEST(Gemm, EveryTypeAgreesWithAPlainProduct) {
  const struct {
    std::int64_t m, n, k;
  } shapes[] = {{1, 1, 1}, {3, 5, 7}, {127, 129, 131}, {1, 33, 64}, {65, 1, 17}, {16, 16, 1}, {97, 61, 251}};
  for (const Element element : all_operands) {
    if (const std::string reason = device::host().gemm_unsupported(element); !reason.empty()) {
      EXPECT_NE(reason.find(' '), std::string::npos);
      continue;
    }
    for (const auto& [m, n, k] : shapes) {
      const auto a_count = static_cast<std::size_t>(m * k), b_count = static_cast<std::size_t>(k * n),
                 c_count = static_cast<std::size_t>(m * n);
      const Element result = product_of(element);
      auto a = device::host().allocate(a_count * bytes_of(element));
      auto b = device::host().allocate(b_count * bytes_of(element));
      auto c = device::host().allocate(c_count * bytes_of(result));
      fill_uniform(a->host(), a_count, element, device::host().largest_int8(), 11);
      fill_uniform(b->host(), b_count, element, device::host().largest_int8(), 12);
      fill_poison(c->host(), c_count, result);
      const auto gemm = device::host().plan_gemm({element, m, n, k, 2, {{a.get(), b.get(), c.get()}}});
      gemm->run(0);
      const double u = element == Element::f64 ? 0x1p-53 : element == Element::int8 ? 0 : 0x1p-23;
      const double u_out = element == Element::bf16 ? 0x1p-8 : 0;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          long double sum = 0, magnitudes = 0;
          for (std::int64_t l = 0; l < k; ++l) {
            const long double term =
                static_cast<long double>(
                    element_at(a->host(), static_cast<std::size_t>(i * k + l), element)) *
                static_cast<long double>(element_at(b->host(), static_cast<std::size_t>(l * n + j), element));
            sum += term;
            magnitudes += std::fabs(term);
          }
          const double got = element_at(c->host(), static_cast<std::size_t>(i * n + j), result);
          const auto right = static_cast<double>(sum), scale = static_cast<double>(magnitudes);
          ASSERT_LE(std::fabs(got - right),
                    1.01 * static_cast<double>(k) * u * scale + 1.01 * u_out * std::fabs(right))
              << name_of(element) << " " << m << "x" << n << "x" << k << " at " << i << "," << j;
        }
    }
  }
}

TEST(Gemm, RealResultsPassTheirCheckAndPlantedFaultsFail) {
  const struct { std::int64_t m, n, k; } shapes[] = {{1, 1, 1}, {3, 5, 7}, {127, 129, 131}, {257, 509, 1021}};
  for (const Element element : all_operands)
    for (const auto& [m, n, k] : shapes) {
      RunCase run(element, m, n, k);
      if (!run.reason().empty()) continue;
      // Poisoned and not computed: nothing may pass.
      EXPECT_EQ(run->check().status, CheckStatus::fail) << name_of(element);
      run.pass();
      const Check right = run->check();
      EXPECT_EQ(right.status, CheckStatus::pass) << name_of(element) << " " << m << "x" << n << "x" << k;
      ASSERT_TRUE(right.error.has_value() && right.bound.has_value());
      EXPECT_LE(*right.error, *right.bound);
      if (element == Element::int8) {
        EXPECT_EQ(*right.error, 0);
      }
      run->plant(Fault::wrong_element);
      EXPECT_EQ(run->check().status, CheckStatus::fail)
          << name_of(element) << " " << m << "x" << n << "x" << k;
      run.pass();
      EXPECT_EQ(run->check().status, CheckStatus::pass);
      run->plant(Fault::nan);
      const Check nan = run->check();
      EXPECT_EQ(nan.status, CheckStatus::fail) << name_of(element);
      if (element != Element::int8) {
        EXPECT_FALSE(nan.error.has_value());
      }
    }
}

TEST(Gemm, EveryThinShapeIsRight) {
  device::Device& host = device::host();
  for (const Element element : all_operands) {
    if (!host.gemm_unsupported(element).empty()) continue;
    for (std::int64_t m : {1, 2, 17})
      for (std::int64_t n : {1, 2, 17})
        for (std::int64_t k : {1, 2, 17}) {
          const auto a_count = static_cast<std::size_t>(m * k), b_count = static_cast<std::size_t>(k * n),
                     c_count = static_cast<std::size_t>(m * n);
          auto a = host.allocate(a_count * bytes_of(element)), b = host.allocate(b_count * bytes_of(element)),
               c = host.allocate(c_count * bytes_of(product_of(element)));
          fill_uniform(a->host(), a_count, element, host.largest_int8(), 21);
          fill_uniform(b->host(), b_count, element, host.largest_int8(), 22);
          fill_poison(c->host(), c_count, product_of(element));
          host.plan_gemm({element, m, n, k, 1, {{a.get(), b.get(), c.get()}}})->run(0);
          EXPECT_TRUE(check_product({element, m, n, k, a->host(), b->host(), c->host()}, 23).pass)
              << name_of(element) << " " << m << "x" << n << "x" << k;
        }
  }
}

TEST(Gemm, FiguresAndPathSayWhatItWas) {
  for (const Element element : all_operands) {
    RunCase run(element, 64, 48, 32);
    if (!run.reason().empty()) continue;
    const std::vector<FigureOfMerit> figures = run->figures();
    ASSERT_EQ(figures.size(), 1u);
    EXPECT_EQ(figures[0].name, "rate");
    EXPECT_EQ(figures[0].numerator, 2.0 * 64 * 48 * 32);
    EXPECT_EQ(figures[0].unit, element == Element::int8 ? "OP/s" : "FLOP/s");
    EXPECT_EQ(figures[0].reduce, Reduce::median);
    if (figures[0].peak) {
      EXPECT_GT(figures[0].peak->value, 0);
      EXPECT_EQ(figures[0].peak->basis, PeakBasis::measured);
      EXPECT_NE(figures[0].peak->source.find("FMA probe"), std::string::npos);
    }
    const auto path = run->path();
    for (const char* key :
         {"library", "kernel", "output", "accumulation", "threads", "inputs", "working_set"})
      EXPECT_TRUE(path.count(key) && !path.at(key).empty()) << key;
    EXPECT_EQ(path.at("output"), name_of(product_of(element)));
  }
}

TEST(Gemm, WhatDoesNotFitIsUnsupportedWithNumbers) {
  ProcessGroup group;
  const Context context{group, 1, 0, std::uint64_t{32} << 20, Fault::none};
  const std::string reason =
      compute_gemm().unsupported(parameters(Element::f32, 2147483647, 2147483647, 2147483647), context);
  EXPECT_NE(reason.find("EB on this node"), std::string::npos) << reason;
  EXPECT_NE(reason.find("are available"), std::string::npos) << reason;
  EXPECT_EQ(compute_gemm().unsupported(parameters(Element::f32, 8, 8, 8), context), "");
}

TEST(Gemm, RanksHaveInputsOfTheirOwn) {
  EXPECT_NE(stream_key(42, 0, 0, 0), stream_key(42, 1, 0, 0));
  EXPECT_EQ(compute_gemm().spec.scope, Scope::device);
  EXPECT_EQ(compute_gemm().spec.parameters.size(), 7u);
}

}  // namespace
}  // namespace assay::bench
