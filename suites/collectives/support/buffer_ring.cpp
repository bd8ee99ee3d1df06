#include "suites/collectives/support/buffer_ring.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "suites/harness/mpi_library.h"

namespace assay::bench {

// A device has a cache of its own, which its ranks do not share.
BufferRing::BufferRing(std::unique_ptr<Operation> operation, const Context& context,
                       const Transport& transport)
    : operation_(std::move(operation)),
      group_(context.group),
      ranks_on_node_(transport.device != nullptr ? 1 : context.group.most_ranks_on_a_node()),
      slots_(ring_slots(
          operation_->ring_bytes(), 1, ranks_on_node_,
          transport.device != nullptr ? transport.device->cache_bytes() : context.last_level_cache_bytes)) {
  if (transport.device != nullptr) {
    // Devices of one model only are alike; the ring must be the same on all ranks.
    slots_ = static_cast<int>(group_.maximum(slots_));
    on_device_ = std::make_unique<DeviceRing>(*operation_, transport, context);
  }
}

void BufferRing::prepare() {
  buffers_ = on_device_ ? on_device_->allocate(slots_) : operation_->allocate(slots_);
  poison();
  fill();
  if (on_device_ && operation_->consumes_input()) on_device_->keep_inputs();
}

void BufferRing::fill() {
  if (on_device_ && on_device_->keeps_inputs()) return on_device_->restore();
  for (const Buffers& slot : buffers_) operation_->fill(slot);
  if (on_device_) on_device_->push();
}

void BufferRing::poison() {
  for (const Buffers& slot : buffers_) operation_->poison(slot);
  if (on_device_) on_device_->push();
}

void BufferRing::call(int slot) {
  if (on_device_) return on_device_->call(slot);
  operation_->call((*this)[slot]);
}

void BufferRing::finish() {
  if (on_device_) on_device_->finish();
}

Check BufferRing::check(bool non_blocking) const {
  if (on_device_) on_device_->pull();
  Differences all;
  int first_slot = 0;
  for (const Buffers& slot : buffers_) {
    const bool none_yet = !all.first;
    all.add(operation_->compare(slot), 0);
    if (none_yet && all.first) first_slot = slot.slot;
  }
  char place[160] = "";
  if (all.first) {
    std::snprintf(place, sizeof place, "first at rank %d, slot %d, element %zu: %.9g instead of %.9g",
                  group_.rank(), first_slot, *all.first, all.found, all.expected);
  }
  const std::int64_t wrong = group_.sum(all.wrong);
  const double largest = group_.maximum(all.largest);
  const bool not_a_number = group_.any(all.not_a_number);
  const auto places = group_.gather(place, 0);
  const std::string unseen = operation_->examine(non_blocking);
  Check check;
  check.bound = 0;
  if (!not_a_number) check.error = unseen.empty() ? largest : std::max(largest, 1.0);
  const bool right = wrong == 0 && unseen.empty() && check.error && *check.error <= *check.bound;
  check.status = right ? CheckStatus::pass : CheckStatus::fail;
  check.how = operation_->how(slots_);
  if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong";
  for (const std::string& one : places) {
    if (one.empty()) continue;
    check.how += ", " + one;
    break;
  }
  if (!unseen.empty()) check.how += "; " + unseen;
  return check;
}

void BufferRing::plant(Fault fault) const {
  const auto results = operation_->results(buffers_.back());
  const double last = group_.maximum(results.empty() ? -1.0 : static_cast<double>(group_.rank()));
  if (static_cast<double>(group_.rank()) < last || results.empty()) return;
  if (on_device_) on_device_->pull();
  const Element element = operation_->element();
  const std::size_t size = device::bytes_of(element);
  std::byte* at = results.data() + results.size() / size / 2 * size;
  if (fault == Fault::wrong_element) {
    const auto units = static_cast<std::int64_t>(decode(element, at) / unit_of(element));
    const std::int64_t error = operation_->smallest_error_units();
    encode(element, units > 0 ? units - error : units + error, at);
  } else if (fault == Fault::nan) {
    for (std::size_t byte = 0; byte < size; ++byte) at[byte] = poison_byte(element, byte);
  }
  if (on_device_) on_device_->push();
}

std::map<std::string, std::string> BufferRing::path(bool non_blocking) const {
  std::map<std::string, std::string> path = operation_->path(non_blocking);
  const bool library = on_device_ && on_device_->transport().carrier == Carrier::library;
  const bool by_gpus = library || (on_device_ && on_device_->transport().carrier == Carrier::straight);
  path.emplace("transport", !group_.one_node() ? "network (not identified)"
                            : by_gpus          ? "within the node (not identified)"
                                               : "shared memory");
  path.emplace("mpi", mpi_library());
  if (on_device_) path.merge(on_device_->path());
  if (library) {
    path["call"] = on_device_->transport().library + " " + operation_->library_call();
    if (path.count("operation") > 0) path["operation"] = "the library's sum";
  }
  return path;
}

double BufferRing::working_set_bytes() const {
  return static_cast<double>(operation_->ring_bytes()) * ranks_on_node_ * slots_;
}

Check both(const Check& first, const Check& second) {
  Check check = first.status == CheckStatus::pass ? second : first;
  if (!first.error || !second.error) {
    check.error.reset();
  } else {
    check.error = std::max(*first.error, *second.error);
  }
  check.how = first.how + "; " + second.how;
  return check;
}

}  // namespace assay::bench
