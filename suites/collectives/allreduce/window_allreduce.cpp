#include "suites/collectives/allreduce/window_allreduce.h"

#include <stdexcept>

namespace assay::bench {

namespace {

constexpr std::size_t line_bytes = 64;
constexpr std::size_t stage_bytes = 2048;
constexpr int stages = 2;

std::size_t in_lines(std::size_t bytes) {
  return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

/// What each rank has in the window: the stages, then the slots.
std::size_t part_bytes(std::size_t bytes, bool in_place, int slots) {
  return stages * stage_bytes + in_lines(bytes) * (in_place ? 1 : 2) * static_cast<std::size_t>(slots);
}

bool exceeds_half_the_cache(std::size_t bytes, const Context& context) {
  const std::uint64_t known = context.last_level_cache_bytes;
  return bytes > (known > 0 ? known : std::uint64_t{32} << 20) / 2;  // as the ring's size has it
}

}  // namespace

WindowAllreduce::WindowAllreduce(Element element, std::size_t elements, bool in_place, const Context& context)
    : Operation(context),
      sums_element_(element),
      bytes_(elements * device::bytes_of(element)),
      in_place_(in_place),
      stream_(exceeds_half_the_cache(bytes_ * static_cast<std::size_t>(group().size()), context)),
      silent_(context.fault == Fault::silent_rank && group().rank() == group().size() - 1),
      sums_(element, context.seed, group().rank(), group().size()),
      inputs_(static_cast<std::size_t>(group().size())),
      results_(static_cast<std::size_t>(group().size())) {}

std::uint64_t WindowAllreduce::window_bytes(std::size_t bytes, bool in_place, int slots, int ranks) {
  return part_bytes(bytes, in_place, slots + 1) * static_cast<std::uint64_t>(ranks);
}

std::vector<Buffers> WindowAllreduce::allocate(int slots) {
  window_ = std::make_unique<SharedWindow>(group(), part_bytes(bytes_, in_place_, slots + 1));
  std::byte* next = window_->of(group().rank()) + stages * stage_bytes;
  std::vector<Buffers> all;
  for (int slot = 0; slot <= slots; ++slot) {
    Buffers buffers;
    buffers.slot = slot;
    if (!in_place_) {
      buffers.input = next;
      next += in_lines(bytes_);
    }
    buffers.result = next;
    next += in_lines(bytes_);
    all.push_back(buffers);
  }
  copy_slot_ = all.back();
  all.pop_back();
  poison(copy_slot_);  // touches it, so that the timed part does not
  if (!in_place_) fill(copy_slot_);
  return all;
}

void WindowAllreduce::fill(const Buffers& buffers) const {
  sums_.fill(in_place_ ? buffers.result : buffers.input, bytes_ / device::bytes_of(sums_element_),
             buffers.slot);
}

Differences WindowAllreduce::compare(const Buffers& buffers) const {
  return sums_.compare(buffers.result, bytes_ / device::bytes_of(sums_element_), buffers.slot);
}

std::byte* WindowAllreduce::at(int rank, const std::byte* mine) const {
  return window_->of(rank) + (mine - window_->of(group().rank()));
}

void WindowAllreduce::call(const Buffers& buffers) {
  if (bytes_ <= stage_bytes) {
    sum_stages(buffers);
  } else {
    sum_shares(buffers);
  }
}

void WindowAllreduce::sum_stages(const Buffers& buffers) {
  std::byte* stage = window_->of(group().rank()) + (operations_++ % stages) * stage_bytes;
  if (!silent_) copy(stage, in_place_ ? buffers.result : buffers.input, bytes_, false);
  window_->barrier();
  if (silent_) return;
  for (int rank = 0; rank < group().size(); ++rank) inputs_[static_cast<std::size_t>(rank)] = at(rank, stage);
  results_.assign(1, buffers.result);
  sum_share(sums_element_, inputs_, results_, {0, bytes_}, false);
}

void WindowAllreduce::sum_shares(const Buffers& buffers) {
  for (int rank = 0; rank < group().size(); ++rank) {
    const auto place = static_cast<std::size_t>(rank);
    results_[place] = at(rank, buffers.result);
    inputs_[place] = in_place_ ? results_[place] : at(rank, buffers.input);
  }
  window_->barrier();  // all inputs are there, and no result is looked at any more
  if (!silent_)
    sum_share(sums_element_, inputs_, results_, share_of(bytes_, group().rank(), group().size()), stream_);
  window_->barrier();  // all results are there, and no input is looked at any more
}

void WindowAllreduce::start(const Buffers&, MPI_Request*) {
  throw std::logic_error("the window has no non-blocking form");
}

std::map<std::string, std::string> WindowAllreduce::path(bool) const {
  return {{"implementation", "shared_window"},
          {"transport", "shared memory window"},
          {"stores", stream_ ? "past the cache" : "through the cache"},
          {"operation", std::string(device::name_of(sums_element_)) + " sum of our own"}};
}

void CopiedAllreduce::call(const Buffers& buffers) {
  const Buffers& window = window_.copy_slot();
  const std::size_t bytes = result_bytes();
  const bool in_place = input_bytes() == 0;
  copy(in_place ? window.result : window.input, in_place ? buffers.result : buffers.input, bytes,
       window_.streams());
  window_.call(window);
  copy(buffers.result, window.result, bytes, window_.streams());
}

void CopiedAllreduce::start(const Buffers&, MPI_Request*) {
  throw std::logic_error("the window has no non-blocking form");
}

}  // namespace assay::bench
