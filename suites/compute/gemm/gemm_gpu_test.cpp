// compute/gemm on the GPU, where there is one: every type against its check, planted faults, and inputs that
// are the host's to the bit. And the check's parts for a device, on the host, against the host's own.
#include <gtest/gtest.h>

#include <cstring>

#include "suites/compute/gemm/gemm_check.h"
#include "suites/compute/gemm/gemm_data.h"
#include "suites/compute/gemm/gemm_store.h"
#include "suites/device/gpu/build.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

const Benchmark& compute_gemm();

namespace {

using device::Element;

constexpr Element operands[] = {Element::f64,  Element::f32,  Element::tf32,     Element::f16,
                                Element::bf16, Element::int8, Element::fp8_e4m3, Element::fp8_e5m2};

/// A B in double, rounded to what is stored.
std::vector<unsigned char> plain_product(Element element, std::int64_t m, std::int64_t n, std::int64_t k,
                                         int range) {
  const Element result = product_of(element);
  std::vector<unsigned char> c(static_cast<std::size_t>(m * n) * bytes_of(result));
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l)
        sum += uniform_at(static_cast<std::uint64_t>(i * k + l), element, range, 1) *
               uniform_at(static_cast<std::uint64_t>(l * n + j), second_operand_of(element), range, 2);
      set_element(c.data(), static_cast<std::size_t>(i * n + j), result, sum);
    }
  return c;
}

TEST(GemmCheckParts, JudgeLikeTheWholeAndSeeOneElement) {
  constexpr std::int64_t m = 33, n = 65, k = 47;
  for (const Element element : operands) {
    std::vector<unsigned char> a(m * k * 8), b(k * n * 8), c = plain_product(element, m, n, k, 127);
    fill_uniform(a.data(), m * k, element, 127, 1);
    fill_uniform(b.data(), k * n, second_operand_of(element), 127, 2);
    const auto judge = [&] {
      const std::vector<double> x = random_signs(n, 3);
      const auto products = [](const void* matrix, std::int64_t rows, std::int64_t columns, Element type,
                               const std::vector<double>& vectors) {
        RowProducts found;
        found.storing_squares.assign(static_cast<std::size_t>(rows), 0);
        for (std::int64_t i = 0; i < rows; ++i) {
          double square = 0;
          std::vector<double> sums(freivalds_vectors);
          for (std::int64_t j = 0; j < columns; ++j) {
            const double value = element_at(matrix, static_cast<std::size_t>(i * columns + j), type);
            square += value * value;
            if (type == Element::bf16)
              found.storing_squares[static_cast<std::size_t>(i)] +=
                  storing_error_square(device::to_bf16(static_cast<float>(value)));
            if (type == Element::f16)
              found.storing_squares[static_cast<std::size_t>(i)] +=
                  storing_error_square(device::to_f16(static_cast<float>(value)));
            for (int v = 0; v < freivalds_vectors; ++v)
              sums[static_cast<std::size_t>(v)] +=
                  value * vectors[static_cast<std::size_t>(j * freivalds_vectors + v)];
          }
          found.squares.push_back(square);
          found.sums.insert(found.sums.end(), sums.begin(), sums.end());
        }
        return found;
      };
      const RowProducts bx = products(b.data(), k, n, second_operand_of(element), x);
      double b_square = 0;
      for (const double square : bx.squares)
        b_square += square / (static_cast<double>(k) * static_cast<double>(n));
      return check_rows(element, m, n, k, products(c.data(), m, n, product_of(element), x),
                        products(a.data(), m, k, element, bx.sums), b_square);
    };
    const auto whole = [&] { return check_product({element, m, n, k, a.data(), b.data(), c.data()}, 3); };
    EXPECT_TRUE(judge().pass) << name_of(element) << " error " << judge().error << " bound " << judge().bound;
    EXPECT_TRUE(whole().pass) << name_of(element) << " error " << whole().error << " bound " << whole().bound;
    const double right = element_at(c.data(), 1234, product_of(element));
    set_element(c.data(), 1234, product_of(element), right + (element == Element::int8 ? 1 : 8));
    EXPECT_FALSE(judge().pass) << name_of(element);
    EXPECT_EQ(judge().row, 1234 / n);
    EXPECT_FALSE(whole().pass) << name_of(element);
    set_element(c.data(), 1234, product_of(element), std::numeric_limits<double>::quiet_NaN());
    EXPECT_FALSE(judge().pass) << name_of(element);
  }
}

class GemmOnGpu : public testing::TestWithParam<Element> {
 protected:
  void SetUp() override {
    const device::Selected selected = device::gpu(0, 1);
    if (selected.device == nullptr) GTEST_SKIP() << selected.missing;
    gpu_ = selected.device;
    const std::string reason = gpu_->gemm_unsupported(GetParam());
    if (!reason.empty()) GTEST_SKIP() << "GPU: " << reason;
  }
  device::Device* gpu_ = nullptr;
};

TEST_P(GemmOnGpu, InputsAreTheHostsToTheBit) {
  if constexpr (gpu::compiled) {
    constexpr std::size_t count = 100003;
    const auto buffer = gpu_->allocate(count * bytes_of(GetParam()));
    gpu_gemm_store(*gpu_)->fill(*buffer, count, GetParam(), 93, 77);
    buffer->pull();
    std::vector<unsigned char> host(count * bytes_of(GetParam()));
    fill_uniform(host.data(), count, GetParam(), 93, 77);
    EXPECT_EQ(std::memcmp(buffer->host(), host.data(), host.size()), 0);
  }
}

TEST_P(GemmOnGpu, ProductsPassTheirCheckAndPlantedFaultsFail) {
  ProcessGroup group;
  const Context context{group, 2, 42, 4096, Fault::none};
  const struct {
    std::int64_t m, n, k;
  } shapes[] = {{64, 48, 32}, {256, 512, 1024}, {127, 129, 131}, {1, 33, 64}};
  for (const auto& [m, n, k] : shapes) {
    const Parameters parameters = {{"dtype", std::string(name_of(GetParam()))},
                                   {"m", m},
                                   {"n", n},
                                   {"k", k},
                                   {"device", std::string("gpu")},
                                   {"sustain", 0.0},
                                   {"search", false}};
    const std::string reason = compute_gemm().unsupported(parameters, context);
    if (reason.find("multiples of 16") != std::string::npos) continue;
    ASSERT_EQ(reason, "");
    const auto made = compute_gemm().make(parameters, context);
    auto& run = dynamic_cast<LoopCase&>(*made);
    run.prepare();
    run.poison();
    EXPECT_EQ(run.check().status, CheckStatus::fail);
    const auto pass = [&] {
      for (int slot = 0; slot < run.ring(); ++slot) run.iterate(slot);
      run.finish();
    };
    pass();
    const Check right = run.check();
    EXPECT_EQ(right.status, CheckStatus::pass)
        << m << "x" << n << "x" << k << ": " << right.how << ", error " << right.error.value_or(-1)
        << ", bound " << right.bound.value_or(-1);
    for (const Fault fault : {Fault::wrong_element, Fault::nan}) {
      run.plant(fault);
      EXPECT_EQ(run.check().status, CheckStatus::fail) << m << "x" << n << "x" << k;
      pass();
    }
    EXPECT_FALSE(run.path().at("library").empty());
    EXPECT_FALSE(run.path().at("kernel").empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GemmOnGpu, testing::ValuesIn(operands),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace assay::bench
