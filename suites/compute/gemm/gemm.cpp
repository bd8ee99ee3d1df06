#include "suites/compute/gemm/gemm.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "reports/base/error.h"
#include "suites/compute/gemm/gemm_product.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

using device::Element;

namespace {

constexpr Element operand_types[] = {Element::f64,  Element::f32,  Element::tf32,     Element::f16,
                                     Element::bf16, Element::int8, Element::fp8_e4m3, Element::fp8_e5m2};

}  // namespace

GemmCase gemm_case(const Parameters& parameters) {
  const std::string& dtype = text(parameters, "dtype");
  GemmCase gemm;
  for (const Element element : operand_types)
    if (dtype == device::name_of(element)) gemm.element = element;
  gemm.m = integer(parameters, "m");
  gemm.n = integer(parameters, "n");
  gemm.k = integer(parameters, "k");
  return gemm;
}

double gemm_operations(const GemmCase& gemm) {
  return 2.0 * static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * static_cast<double>(gemm.k);
}

double gemm_slot_bytes(const GemmCase& gemm) {
  const auto m = static_cast<double>(gemm.m), n = static_cast<double>(gemm.n),
             k = static_cast<double>(gemm.k);
  return (m * k + k * n) * static_cast<double>(bytes_of(gemm.element)) +
         m * n * static_cast<double>(bytes_of(product_of(gemm.element)));
}

int gemm_ring(const GemmCase& gemm, std::uint64_t cache_bytes) {
  constexpr std::uint64_t assumed_bytes = std::uint64_t{32} << 20;
  constexpr double most = 256;
  const auto cache = static_cast<double>(cache_bytes == 0 ? assumed_bytes : cache_bytes);
  return static_cast<int>(std::min(most, std::floor(2 * cache / gemm_slot_bytes(gemm)) + 1));
}

int int8_range(std::int64_t k, int limit) {
  const double most = std::floor(std::sqrt(2147483647.0 / static_cast<double>(k)));
  return std::max(1, static_cast<int>(std::min(most, static_cast<double>(limit))));
}

namespace {

/// One product again and again, timed by the harness.
class PlainGemm final : public LoopCase {
 public:
  PlainGemm(const GemmCase& gemm, const Context& context, device::Device& device)
      : context_(context), device_(device), product_(gemm, context, device) {}

  int ring() const override { return product_.ring(); }
  device::Device* device() const override { return &device_; }
  double shortest_interval_s() const override {
    return device_.works_by_itself() ? shortest_device_interval_s : 0;
  }
  double settling_limit_s(double time_s) const override {
    return device_.works_by_itself() ? gemm_settling_limit_s(device_, time_s) : 0;
  }

  void prepare() override {
    product_.prepare();
    ceiling_ = device_.gemm_ceiling(product_.gemm().element, context_.threads);
  }
  void poison() override { product_.poison(); }
  void iterate(int slot) override { product_.run(slot); }
  void finish() override { product_.finish(); }
  Check check() override { return product_.check(); }

  std::vector<FigureOfMerit> figures() const override {
    FigureOfMerit rate;
    rate.name = "rate";
    rate.numerator = product_.operations();
    rate.unit = product_.unit_of_work() + "/s";
    if (ceiling_) rate.peak = Peak{ceiling_->per_second, PeakBasis::measured, ceiling_->source};
    return {rate};
  }
  std::map<std::string, std::string> path() const override { return product_.path(); }
  void plant(Fault fault) override { product_.plant(fault); }

 private:
  Context context_;
  device::Device& device_;
  GemmProduct product_;
  std::optional<device::Ceiling> ceiling_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (flag(parameters, "search") && real(parameters, "sustain") > 0)
    return "search and sustain are two cases; search first, then sustain the shape that it found";
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) return missing;
  return gemm_refused(gemm_case(parameters), context, *device);
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  if (flag(parameters, "search")) return make_gemm_search(parameters, context, *device);
  if (real(parameters, "sustain") > 0) return make_sustained_gemm(parameters, context, *device);
  return std::make_unique<PlainGemm>(gemm_case(parameters), context, *device);
}

BenchmarkSpec make_spec() {
  BenchmarkSpec spec;
  spec.name = "compute/gemm";
  spec.title = "Matrix product";
  spec.area = "compute";
  spec.scope = Scope::device;
  std::vector<std::string> dtypes;
  for (const Element element : operand_types) dtypes.emplace_back(name_of(element));
  ParameterSpec dtype = choice_parameter(
      "dtype", dtypes,
      "operands of C = A B; the shorter floating formats accumulate in f32, bf16 and f16 store "
      "what they are, fp8 (e5m2: B is e4m3) stores bf16, int8 accumulates and stores int32");
  dtype.default_value = std::string("f32");
  spec.parameters.push_back(dtype);
  const std::pair<const char*, const char*> sizes[] = {
      {"m", "rows of A and C"}, {"n", "columns of B and C"}, {"k", "columns of A, rows of B"}};
  for (const auto& [name, meaning] : sizes) {
    constexpr double most = 2147483647;  // what the libraries' interfaces hold
    spec.parameters.push_back(integer_parameter(name, 2048, 1, most, meaning));
  }
  spec.parameters.push_back(device_parameter());
  constexpr double longest_s = 7 * 86400;
  spec.parameters.push_back(real_parameter(
      "sustain", "s", 0, 0, longest_s, "hold the load for this long after the short measurement; 0: do not"));
  spec.parameters.push_back(flag_parameter(
      "search", false, "try shapes around m, n and k and measure the best; it takes the time that it takes"));
  const std::pair<std::string, std::string> sustaining = {"sustain", above_zero};
  spec.foms = {
      {"rate", "FLOP/s", Better::higher, "2 m n k operations over the median time of a product (int8: OP/s)",
       std::nullopt},
      {"sustained", "FLOP/s", Better::higher,
       "the same under load held, the median over the windows of its second half", sustaining},
      {"sustained_lowest", "FLOP/s", Better::higher, "the slowest window of the load held", sustaining},
      {"per_joule", "FLOP/J", Better::higher,
       "operations over the energy that the device counted, in the second half of the load held",
       sustaining}};
  return spec;
}

}  // namespace

const Benchmark& compute_gemm();
const Benchmark& compute_gemm() {
  static const Benchmark benchmark{make_spec(), unsupported, make};
  return benchmark;
}

}  // namespace assay::bench
