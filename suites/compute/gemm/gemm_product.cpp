#include "suites/compute/gemm/gemm_product.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/record/unit.h"
#include "suites/compute/gemm/gemm_check.h"
#include "suites/compute/gemm/gemm_data.h"

namespace assay::bench {

using device::Element;

namespace {

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

}  // namespace

int ranks_beside(const ProcessGroup& group) {
  int ranks = 0;
  for (int rank = 0; rank < group.size(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) ++ranks;
  return std::max(1, ranks);
}

std::string gemm_refused(const GemmCase& gemm, const Context& context, device::Device& device) {
  if (std::string reason = device.gemm_unsupported(gemm.element); !reason.empty()) return reason;
  std::string reason = device.gemm_sizes_unsupported(gemm.element, gemm.m, gemm.n, gemm.k);
  return reason.empty() ? does_not_fit(gemm, context, device) : reason;
}

double gemm_settling_limit_s(const device::Device& device, double time_s) {
  return device.works_by_itself() ? std::max(2.0, time_s / 2) : time_s;
}

int gemm_workers(device::Device& device) {
  return gemm_store_for(device)->workers();
}

GemmProduct::GemmProduct(const GemmCase& gemm, const Context& context, device::Device& device)
    : gemm_(gemm),
      context_(context),
      device_(device),
      store_(gemm_store_for(device)),
      ring_(gemm_ring(gemm, cache_share(device, context))),
      range_(int8_range(gemm.k, device_.largest_int8())) {}

void GemmProduct::prepare() {
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
  plan_ = device_.plan_gemm(plan);
}

void GemmProduct::poison() {
  for (const device::GemmOperands& slot : slots_) store_->poison(*slot.c, c_count(), result());
}

void GemmProduct::run_passes(std::int64_t passes) {
  for (std::int64_t pass = 0; pass < passes; ++pass)
    for (int slot = 0; slot < ring_; ++slot) run(slot);
  finish();
}

Check GemmProduct::check() {
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
  check.how = "every row of " + std::to_string(ring_) + (ring_ == 1 ? " slot" : " slots") + ": Freivalds, " +
              store_->place() + std::to_string(freivalds_vectors) + " vectors; " +
              std::to_string(sampled_elements) + " elements a slot in higher precision" +
              (gemm_.element == Element::int8 ? "; exact" : "") + "; shown: " + worst.test + ", row " +
              std::to_string(worst.row);
  return check;
}

void GemmProduct::plant(Fault fault) {
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

std::string GemmProduct::unit_of_work() const {
  return gemm_.element == Element::int8 ? "OP" : "FLOP";
}

std::map<std::string, std::string> GemmProduct::path() const {
  std::map<std::string, std::string> path;
  if (plan_) path = plan_->describe();
  path["inputs"] = gemm_.element == Element::int8 ? "uniform integers in [-" + std::to_string(range_) + ", " +
                                                        std::to_string(range_) + "]"
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

std::size_t GemmProduct::a_count() const {
  return static_cast<std::size_t>(gemm_.m) * static_cast<std::size_t>(gemm_.k);
}
std::size_t GemmProduct::b_count() const {
  return static_cast<std::size_t>(gemm_.k) * static_cast<std::size_t>(gemm_.n);
}
std::size_t GemmProduct::c_count() const {
  return static_cast<std::size_t>(gemm_.m) * static_cast<std::size_t>(gemm_.n);
}
std::uint64_t GemmProduct::key(int slot, int use) const {
  return stream_key(context_.seed, context_.group.rank(), slot, use);
}

}  // namespace assay::bench
