#include "suites/compute/gemm/gemm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "reports/base/error.h"
#include "reports/record/unit.h"
#include "suites/compute/gemm/gemm_check.h"
#include "suites/compute/gemm/gemm_data.h"
#include "suites/compute/gemm/gemm_store.h"
#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
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

int ranks_beside(const ProcessGroup& group) {
  int ranks = 0;
  for (int rank = 0; rank < group.size(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) ++ranks;
  return std::max(1, ranks);
}

/// Of the last-level cache: a GPU's is its rank's alone.
std::uint64_t cache_share(const device::Device& device, const Context& context) {
  if (device.cache_bytes() > 0) return device.cache_bytes();
  return context.last_level_cache_bytes / static_cast<std::uint64_t>(ranks_beside(context.group));
}

/// Root mean square of an element of C: operands uniform in [-1, 1) have a mean square of 1/3, integers of
/// [-r, r] one of r (r + 1) / 3.
double typical_result(const GemmCase& gemm, int range) {
  const double square = gemm.element == Element::int8 ? range * (range + 1) / 3.0 : 1.0 / 3.0;
  return std::sqrt(static_cast<double>(gemm.k)) * square;
}

std::unique_ptr<GemmStore> store_for(device::Device& device) {
  if constexpr (gpu::compiled) {
    if (device.kind() == "gpu") return gpu_gemm_store(device);
  }
  return host_gemm_store();
}

class GemmBenchmarkCase : public LoopCase {
 public:
  GemmBenchmarkCase(const GemmCase& gemm, const Context& context, device::Device& device)
      : gemm_(gemm),
        context_(context),
        device_(device),
        store_(store_for(device)),
        ring_(gemm_ring(gemm, cache_share(device, context))),
        range_(int8_range(gemm.k, device_.largest_int8())) {}

  int ring() const override { return ring_; }
  device::Device* device() const override { return &device_; }
  double shortest_interval_s() const override { return device_.works_by_itself() ? 0.02 : 0; }

  void prepare() override {
    device::GemmPlan plan{gemm_.element, gemm_.m, gemm_.n, gemm_.k, context_.threads, {}};
    const auto allocate = [this](std::size_t count, Element element) {
      buffers_.push_back(device_.allocate(count * bytes_of(element)));
      return buffers_.back().get();
    };
    for (int slot = 0; slot < ring_; ++slot) {
      device::GemmOperands operands;
      operands.a = allocate(a_count(), gemm_.element);
      operands.b = allocate(b_count(), second());
      operands.c = allocate(c_count(), result());
      store_->fill(*operands.a, a_count(), gemm_.element, range_, key(slot, 0));
      store_->fill(*operands.b, b_count(), second(), range_, key(slot, 1));
      plan.slots.push_back(operands);
    }
    slots_ = plan.slots;
    poison();
    gemm_plan_ = device_.plan_gemm(plan);
    ceiling_ = device_.gemm_ceiling(gemm_.element, context_.threads);
  }

  void poison() override {
    for (const device::GemmOperands& slot : slots_) store_->poison(*slot.c, c_count(), result());
  }

  void iterate(int slot) override { gemm_plan_->run(slot); }
  void finish() override { gemm_plan_->finish(); }

  Check check() override {
    ProductCheck worst;
    bool first = true;
    for (int slot = 0; slot < ring_; ++slot) {
      const StoredProduct product{gemm_,
                                  device_.gemm_takes_b_transposed(gemm_.element),
                                  slots_[static_cast<std::size_t>(slot)],
                                  range_,
                                  key(slot, 0),
                                  key(slot, 1)};
      const ProductCheck one = store_->check(product, key(slot, 2));
      worst = first ? one : worse(worst, one);
      first = false;
    }
    Check check;
    check.status = worst.pass ? CheckStatus::pass : CheckStatus::fail;
    if (std::isfinite(worst.error)) check.error = worst.error;
    if (std::isfinite(worst.bound)) check.bound = worst.bound;
    check.how = "every row of " + std::to_string(ring_) + (ring_ == 1 ? " slot" : " slots") +
                ": Freivalds, " + store_->place() + std::to_string(freivalds_vectors) + " vectors; " +
                std::to_string(sampled_elements) + " elements a slot in higher precision" +
                (gemm_.element == Element::int8 ? "; exact" : "") + "; shown: " + worst.test + ", row " +
                std::to_string(worst.row);
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    FigureOfMerit rate;
    rate.name = "rate";
    rate.numerator = gemm_operations(gemm_);
    rate.unit = gemm_.element == Element::int8 ? "OP/s" : "FLOP/s";
    if (ceiling_) rate.peak = Peak{ceiling_->per_second, PeakBasis::measured, ceiling_->source};
    return {rate};
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path;
    if (gemm_plan_) path = gemm_plan_->describe();
    path["inputs"] = gemm_.element == Element::int8 ? "uniform integers in [-" + std::to_string(range_) +
                                                          ", " + std::to_string(range_) + "]"
                                                    : "uniform in [-1, 1)";
    const double bytes = gemm_slot_bytes(gemm_) * ring_,
                 cache = static_cast<double>(cache_share(device_, context_));
    path["working_set"] =
        std::to_string(ring_) + (ring_ == 1 ? " slot, " : " slots, ") + format_value(bytes, "B");
    if (cache > 0 && bytes <= 2 * cache)
      path["working_set"] += "; a cache case: not above twice the last-level cache";
    if (cache <= 0) path["working_set"] += "; size of the last-level cache not known";
    return path;
  }

  void plant(Fault fault) override {
    if (fault != Fault::wrong_element && fault != Fault::nan) return;
    const std::uint64_t place = random_bits(key(0, 3), 0);
    const device::GemmOperands& slot = slots_[place % static_cast<std::uint64_t>(ring_)];
    const std::size_t index = random_bits(key(0, 3), 1) % c_count();
    double value = std::numeric_limits<double>::quiet_NaN();
    if (fault == Fault::wrong_element) {
      // As far off as C is large; an integer by the least.
      const double by = gemm_.element == Element::int8 ? 1 : typical_result(gemm_, range_);
      value = store_->read(*slot.c, index, result()) + by;
    }
    store_->write(*slot.c, index, result(), value);
  }

 private:
  Element result() const { return product_of(gemm_.element); }
  Element second() const { return second_operand_of(gemm_.element); }
  std::size_t a_count() const {
    return static_cast<std::size_t>(gemm_.m) * static_cast<std::size_t>(gemm_.k);
  }
  std::size_t b_count() const {
    return static_cast<std::size_t>(gemm_.k) * static_cast<std::size_t>(gemm_.n);
  }
  std::size_t c_count() const {
    return static_cast<std::size_t>(gemm_.m) * static_cast<std::size_t>(gemm_.n);
  }
  std::uint64_t key(int slot, int use) const {
    return stream_key(context_.seed, context_.group.rank(), slot, use);
  }

  GemmCase gemm_;
  Context context_;
  device::Device& device_;
  std::unique_ptr<GemmStore> store_;
  int ring_;
  int range_;  // of int8 operands
  std::vector<std::unique_ptr<device::Buffer>> buffers_;
  std::vector<device::GemmOperands> slots_;
  std::unique_ptr<device::Gemm> gemm_plan_;
  std::optional<device::Ceiling> ceiling_;
};

std::string does_not_fit(const GemmCase& gemm, const Context& context, device::Device& device) {
  // Ranks of a node share its memory, a GPU is its rank's own.
  const int ranks = device.works_by_itself() ? 1 : ranks_beside(context.group);
  const int ring = gemm_ring(gemm, cache_share(device, context));
  // The check's vectors: B X and X, eight numbers of 8 bytes a row.
  const double vectors = 64.0 * (static_cast<double>(gemm.k) + static_cast<double>(gemm.n));
  const double needed = ranks * (gemm_slot_bytes(gemm) * ring + vectors);
  const std::optional<std::uint64_t> available = device.available_bytes();
  if (!available || needed <= 0.9 * static_cast<double>(*available)) return {};
  const std::string where = device.works_by_itself() ? " on the GPU ("
                                                     : " on this node (" + std::to_string(ranks) +
                                                           (ranks == 1 ? " rank, " : " ranks, ");
  return "A, B and C need " + format_value(needed, "B") + where + std::to_string(ring) +
         (ring == 1 ? " slot" : " slots") + "), " + format_value(static_cast<double>(*available), "B") +
         " are available; give smaller m, n or k";
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  const GemmCase gemm = gemm_case(parameters);
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) return missing;
  if (std::string reason = device->gemm_unsupported(gemm.element); !reason.empty()) return reason;
  std::string reason = device->gemm_sizes_unsupported(gemm.element, gemm.m, gemm.n, gemm.k);
  return reason.empty() ? does_not_fit(gemm, context, *device) : reason;
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  return std::make_unique<GemmBenchmarkCase>(gemm_case(parameters), context, *device);
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
  FomSpec rate;
  rate.name = "rate";
  rate.unit = "FLOP/s";
  rate.better = Better::higher;
  rate.meaning = "2 m n k operations over the median time of a product (int8: OP/s)";
  spec.foms.push_back(rate);
  return spec;
}

}  // namespace

const Benchmark& compute_gemm();
const Benchmark& compute_gemm() {
  static const Benchmark benchmark{make_spec(), unsupported, make};
  return benchmark;
}

}  // namespace assay::bench
