#include "suites/compute/operators/operands.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "suites/compute/gemm/gemm_data.h"
#include "suites/training/support/host_view.h"

namespace assay::bench::operators {

using device::Element;

namespace {

constexpr std::int64_t line_bytes = 256;         // a multiple of cache lines, and what a GPU's libraries like
constexpr std::int64_t worth_threads = 1 << 15;  // numbers below which waking other threads costs more

std::int64_t whole_lines(std::int64_t bytes) {
  return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

void fill_scaled(void* data, const Operand& operand, std::uint64_t key) {
  const auto count = static_cast<std::size_t>(operand.count);
  fill_uniform(data, count, operand.element, 0, key);
  if (operand.scale == 1 || operand.element == Element::int32) return;
#pragma omp parallel for schedule(static) if (operand.count > worth_threads)
  for (std::size_t i = 0; i < count; ++i)
    set_element(data, i, operand.element, operand.scale * element_at(data, i, operand.element));
}

/// Whether a copy is kept of what it begins as. A constant is one, but where the device has to write it.
bool has_beginning(const Operand& operand, bool apart) {
  return operand.use == Use::replaced || (apart && operand.use == Use::accumulated);
}

/// All numbers the same: a block of them again and again.
void fill_constant(void* data, const Operand& operand, double value) {
  alignas(8) std::byte block[4096];
  for (std::size_t i = 0; i < sizeof block / bytes_of(operand.element); ++i)
    set_element(block, i, operand.element, value);
  auto* const bytes = static_cast<std::byte*>(data);
  constexpr auto piece = static_cast<std::int64_t>(sizeof block);
#pragma omp parallel for schedule(static) if (operand.count > worth_threads)
  for (std::int64_t begin = 0; begin < operand.bytes(); begin += piece)
    std::memcpy(bytes + begin, block, static_cast<std::size_t>(std::min(piece, operand.bytes() - begin)));
}

void copy(void* to, const void* from, std::int64_t bytes) {
  constexpr std::int64_t piece = 1 << 16;
#pragma omp parallel for schedule(static) if (bytes > 8 * piece)
  for (std::int64_t begin = 0; begin < bytes; begin += piece)
    std::memcpy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
                static_cast<std::size_t>(std::min(piece, bytes - begin)));
}

}  // namespace

std::int64_t slot_bytes(const std::vector<Operand>& operands) {
  std::int64_t bytes = 0;
  for (const Operand& operand : operands) bytes += whole_lines(operand.bytes());
  return bytes;
}

std::int64_t ring_bytes(const std::vector<Operand>& operands, int slots, bool apart) {
  std::int64_t bytes = slots * slot_bytes(operands);
  for (const Operand& operand : operands)
    if (has_beginning(operand, apart)) bytes += whole_lines(operand.bytes());
  return bytes;
}

double weight_scale(std::int64_t terms) {
  return std::exp2(std::floor(-0.5 * std::log2(static_cast<double>(std::max<std::int64_t>(1, terms)))));
}

OperandRing::OperandRing(const std::vector<Operand>& operands, int slots, std::uint64_t key,
                         device::Device& device)
    : operands_(operands), slots_(slots), apart_(training::apart(device) ? &device : nullptr) {
  std::size_t bytes = 0, begin_bytes = 0;
  for (const Operand& operand : operands_) {
    const auto own = static_cast<std::size_t>(whole_lines(operand.bytes()));
    offsets_.push_back(bytes);
    bytes += own;
    begin_offsets_.push_back(begin_bytes);
    if (has_beginning(operand, apart_ != nullptr)) begin_bytes += own;
  }
  ring_ = Ring(bytes, slots);
  begin_ = Ring(begin_bytes, 1);
  for (int slot = 0; slot < slots; ++slot) work_.push_back(ring_[slot]);
  if (apart_ != nullptr) {
    memory_ = apart_->allocate(bytes * static_cast<std::size_t>(slots));
    begin_memory_ = apart_->allocate(std::max<std::size_t>(begin_bytes, line_bytes));
    auto* next = static_cast<std::byte*>(memory_->device());
    for (std::byte*& slot : work_) slot = std::exchange(next, next + bytes);
  }
  std::vector<std::size_t> inputs, outputs, changed;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    std::byte* const beginning = begin_[0] + begin_offsets_[i];
    if (operand.use == Use::replaced) fill_scaled(beginning, operand, random_bits(key, 1000 + i));
    if (operand.use == Use::accumulated && apart_ != nullptr) fill_constant(beginning, operand, begin_value);
    for (int slot = 0; operand.use == Use::input && slot < slots; ++slot)
      fill_scaled(host_at(slot, i), operand, random_bits(key, static_cast<std::uint64_t>(slot) * 2000 + i));
    (operand.use == Use::input ? inputs : operand.use == Use::output ? outputs : changed).push_back(i);
  }
  push(inputs);
  if (apart_ != nullptr) apart_->copy(begin_memory_->device(), begin_[0], begin_bytes);
  poison(outputs);
  restore(changed);
  device.finish();
}

void OperandRing::push(int slot, const std::vector<std::size_t>& operands) {
  move(slot, slot + 1, operands, true);
}
void OperandRing::pull(int slot, const std::vector<std::size_t>& operands) {
  move(slot, slot + 1, operands, false);
}
void OperandRing::push(const std::vector<std::size_t>& operands) {
  move(0, slots_, operands, true);
}
void OperandRing::pull(const std::vector<std::size_t>& operands) {
  move(0, slots_, operands, false);
}

void OperandRing::move(int first, int end, const std::vector<std::size_t>& operands, bool to_device) {
  if (apart_ == nullptr) return;
  for (int slot = first; slot < end; ++slot)
    for (const std::size_t i : operands) {
      void *const there = at(slot, i), *const here = host_at(slot, i);
      apart_->copy(to_device ? there : here, to_device ? here : there,
                   static_cast<std::size_t>(operands_[i].bytes()));
    }
  apart_->finish();
}

double OperandRing::value(int slot, std::size_t operand, std::int64_t index) const {
  return element_at(host_at(slot, operand), static_cast<std::size_t>(index), operands_[operand].element);
}

void OperandRing::set(int slot, std::size_t operand, std::int64_t index, double value) {
  set_element(host_at(slot, operand), static_cast<std::size_t>(index), operands_[operand].element, value);
}

double OperandRing::beginning(std::size_t operand, std::int64_t index) const {
  if (operands_[operand].use != Use::replaced) return begin_value;
  return element_at(begin_[0] + begin_offsets_[operand], static_cast<std::size_t>(index),
                    operands_[operand].element);
}

void OperandRing::restore(const std::vector<std::size_t>& operands) {
  for (int slot = 0; slot < slots_; ++slot)
    for (const std::size_t i : operands) {
      const Operand& operand = operands_[i];
      if (apart_ != nullptr)
        apart_->copy(at(slot, i), static_cast<std::byte*>(begin_memory_->device()) + begin_offsets_[i],
                     static_cast<std::size_t>(operand.bytes()));
      else if (operand.use == Use::replaced)
        copy(at(slot, i), begin_[0] + begin_offsets_[i], operand.bytes());
      else
        fill_constant(at(slot, i), operand, begin_value);
    }
}

void OperandRing::poison(const std::vector<std::size_t>& operands) {
  constexpr std::byte of_nan{0xFF};  // in every floating-point format
  for (int slot = 0; slot < slots_; ++slot)
    for (const std::size_t i : operands) {
      const auto count = static_cast<std::size_t>(operands_[i].count);
      fill_poison(host_at(slot, i), count, operands_[i].element);
      if (apart_ != nullptr)
        apart_->set_bytes(at(slot, i), of_nan, static_cast<std::size_t>(operands_[i].bytes()));
    }
}

std::int64_t OperandRing::not_finite(int slot, std::size_t operand) const {
  const std::int64_t count = operands_[operand].count;
  std::int64_t found = 0;
#pragma omp parallel for schedule(static) reduction(+ : found) if (count > worth_threads)
  for (std::int64_t i = 0; i < count; ++i)
    if (!std::isfinite(value(slot, operand, i))) ++found;
  return found;
}

}  // namespace assay::bench::operators
