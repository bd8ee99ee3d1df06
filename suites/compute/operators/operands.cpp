#include "suites/compute/operators/operands.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "suites/compute/gemm/gemm_data.h"

namespace assay::bench::operators {

using device::Element;

namespace {

constexpr std::int64_t line_bytes = 64;
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

std::int64_t ring_bytes(const std::vector<Operand>& operands, int slots) {
  std::int64_t bytes = slots * slot_bytes(operands);
  for (const Operand& operand : operands)
    if (operand.use == Use::replaced) bytes += whole_lines(operand.bytes());
  return bytes;
}

double weight_scale(std::int64_t terms) {
  return std::exp2(std::floor(-0.5 * std::log2(static_cast<double>(std::max<std::int64_t>(1, terms)))));
}

OperandRing::OperandRing(const std::vector<Operand>& operands, int slots, std::uint64_t key)
    : operands_(operands), slots_(slots) {
  std::int64_t bytes = 0, begin_bytes = 0;
  for (const Operand& operand : operands_) {
    offsets_.push_back(static_cast<std::size_t>(bytes));
    bytes += whole_lines(operand.bytes());
    begin_offsets_.push_back(static_cast<std::size_t>(begin_bytes));
    if (operand.use == Use::replaced) begin_bytes += whole_lines(operand.bytes());
  }
  ring_ = Ring(static_cast<std::size_t>(bytes), slots);
  begin_ = Ring(static_cast<std::size_t>(begin_bytes), 1);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    if (operand.use == Use::replaced)
      fill_scaled(begin_[0] + begin_offsets_[i], operand, random_bits(key, 1000 + i));
    if (operand.use == Use::replaced || operand.use == Use::accumulated) changed.push_back(i);
    for (int slot = 0; slot < slots; ++slot) {
      if (operand.use == Use::input)
        fill_scaled(at(slot, i), operand, random_bits(key, static_cast<std::uint64_t>(slot) * 2000 + i));
      if (operand.use == Use::output)
        fill_poison(at(slot, i), static_cast<std::size_t>(operand.count), operand.element);
    }
  }
  restore(changed);
}

double OperandRing::value(int slot, std::size_t operand, std::int64_t index) const {
  return element_at(at(slot, operand), static_cast<std::size_t>(index), operands_[operand].element);
}

void OperandRing::set(int slot, std::size_t operand, std::int64_t index, double value) {
  set_element(at(slot, operand), static_cast<std::size_t>(index), operands_[operand].element, value);
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
      if (operand.use == Use::replaced) copy(at(slot, i), begin_[0] + begin_offsets_[i], operand.bytes());
      if (operand.use == Use::accumulated) fill_constant(at(slot, i), operand, begin_value);
    }
}

void OperandRing::poison(const std::vector<std::size_t>& operands) {
  for (int slot = 0; slot < slots_; ++slot)
    for (const std::size_t i : operands)
      fill_poison(at(slot, i), static_cast<std::size_t>(operands_[i].count), operands_[i].element);
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
