#include "suites/stability/burn/load.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "suites/compute/gemm/gemm_data.h"
#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_device.h"

namespace assay::bench::stability {

using device::Element;

namespace {

constexpr std::uint64_t word_bytes = sizeof(std::uint64_t);
constexpr int the_only_slot = 0;

std::unique_ptr<BurnStore> burn_store_for(device::Device& device) {
  if constexpr (gpu::compiled) {
    if (device.kind() == "gpu") return gpu_burn_store(dynamic_cast<gpu::GpuDevice&>(device).queue());
  }
  return host_burn_store();
}

}  // namespace

BurnLoad::BurnLoad(device::Device& device, const LoadSettings& settings)
    : device_(device),
      settings_(settings),
      matrices_(gemm_store_for(device)),
      store_(burn_store_for(device)),
      range_(int8_range(settings.gemm.k, device.largest_int8())),
      errors_(static_cast<std::uint64_t>(settings.gemm.n),
              static_cast<unsigned>(bytes_of(product_of(settings.gemm.element)))) {}

std::uint64_t BurnLoad::results() const {
  return static_cast<std::uint64_t>(settings_.gemm.m) * static_cast<std::uint64_t>(settings_.gemm.n);
}

std::size_t BurnLoad::result_bytes() const {
  return results() * bytes_of(result());
}

void BurnLoad::prepare() {
  const auto& [element, m, n, k] = settings_.gemm;
  const auto a_count = static_cast<std::size_t>(m * k), b_count = static_cast<std::size_t>(k * n);
  const Element second = second_operand_of(element);
  const auto key = [&](int use) { return stream_key(settings_.seed, settings_.rank, the_only_slot, use); };
  a_ = device_.allocate(a_count * bytes_of(element));
  b_ = device_.allocate(b_count * bytes_of(second));
  c_ = device_.allocate(result_bytes());
  right_ = device_.allocate(result_bytes());
  matrices_->fill(*a_, a_count, element, range_, key(0));
  matrices_->fill(*b_, b_count, second, range_, key(1));
  plan_ = device_.plan_gemm({element, m, n, k, settings_.threads, {{a_.get(), b_.get(), c_.get()}}});
  poison();  // planning may have tried kernels on C
  plan_->run(the_only_slot);
  plan_->finish();
  const StoredProduct product{settings_.gemm,
                              device_.gemm_takes_b_transposed(element),
                              {a_.get(), b_.get(), c_.get()},
                              range_,
                              key(0),
                              key(1)};
  verified_ = matrices_->check(product, key(2));
  device_.copy(right_->device(), c_->device(), result_bytes());
  device_.finish();
  made_ = fingerprints();
  if (settings_.memory_bytes == 0) return;
  memory_ = device_.allocate(settings_.memory_bytes);
  store_->fill(memory_->device(), settings_.memory_bytes / word_bytes, 0, 0);
  device_.finish();
}

void BurnLoad::poison() {
  matrices_->poison(*c_, results(), result());
}

void BurnLoad::compare(std::uint64_t number, bool spoil) {
  store_->compare(c_->device(), right_->device(), result_bytes(), static_cast<unsigned>(bytes_of(result())),
                  number, spoil);
}

void BurnLoad::begin_products(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    plan_->run(the_only_slot);
    compare(++products_, true);
  }
}

void BurnLoad::last_product() {
  plan_->run(the_only_slot);
  plan_->finish();
}

void BurnLoad::finish(ErrorPart part, const Now& now) {
  const Differences found = store_->take();
  errors_.add(part, now(), found);
}

void BurnLoad::compare_last(const Now& now) {
  compare(++products_, false);
  finish(ErrorPart::result, now);
}

std::uint64_t BurnLoad::chunks() const {
  return (settings_.memory_bytes + settings_.chunk_bytes - 1) / settings_.chunk_bytes;
}

BurnLoad::Chunk BurnLoad::chunk(std::uint64_t number) const {
  const std::uint64_t begin = number * settings_.chunk_bytes,
                      bytes = std::min(settings_.chunk_bytes, settings_.memory_bytes - begin);
  return {begin / word_bytes, bytes / word_bytes, static_cast<std::byte*>(memory_->device()) + begin};
}

std::uint64_t BurnLoad::begin_visit() {
  const Chunk now = chunk(next_);
  store_->visit(now.at, now.words, now.first_word, generation_of(next_), true);
  if (++next_ == chunks()) {
    next_ = 0;
    ++round_;
  }
  visited_bytes_ += now.words * word_bytes;
  return now.words * word_bytes;
}

void BurnLoad::compare_memory(const Now& now) {
  for (std::uint64_t number = 0; number < chunks(); ++number) {
    const Chunk one = chunk(number);
    store_->visit(one.at, one.words, one.first_word, generation_of(number), false);
    visited_bytes_ += one.words * word_bytes;
  }
  finish(ErrorPart::memory, now);
}

std::vector<std::uint64_t> BurnLoad::fingerprints() {
  std::vector<std::uint64_t> all;
  for (device::Buffer* buffer : {a_.get(), b_.get(), right_.get()})
    all.push_back(store_->fingerprint(buffer->device(), buffer->bytes()));
  return all;
}

std::vector<std::string> BurnLoad::changed() {
  constexpr const char* names[] = {"the first operand", "the second operand", "the verified product"};
  const std::vector<std::uint64_t> now = fingerprints();
  std::vector<std::string> others;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != made_[i]) others.emplace_back(names[i]);
  return others;
}

std::string BurnLoad::inputs() const {
  return settings_.gemm.element == Element::int8
             ? "uniform integers in [-" + std::to_string(range_) + ", " + std::to_string(range_) + "]"
             : "uniform in [-1, 1)";
}

void BurnLoad::flip_bit(void* at) {
  std::byte byte{};
  device_.copy(&byte, at, 1);
  device_.finish();
  byte ^= std::byte{1};
  device_.copy(at, &byte, 1);
  device_.finish();
}

void BurnLoad::plant_in_a_product(Fault fault) {
  last_product();
  plant_in_the_last(fault);
  compare(++products_, true);
}

void BurnLoad::plant_in_the_last(Fault fault) {
  const std::uint64_t index = results() / 3;
  if (fault == Fault::nan) matrices_->write(*c_, index, result(), std::numeric_limits<double>::quiet_NaN());
  if (fault == Fault::wrong_element)
    flip_bit(static_cast<std::byte*>(c_->device()) + index * bytes_of(result()));
}

void BurnLoad::plant_in_memory() {
  if (settings_.memory_bytes == 0) return;
  const Chunk next = chunk(next_);
  flip_bit(static_cast<std::byte*>(next.at) + next.words / 2 * word_bytes);
}

}  // namespace assay::bench::stability
