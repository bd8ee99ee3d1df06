// What a trainer holds from step to step: how it begins, is looked at, changed on purpose and saved.
#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

#include "suites/training/support/generator.h"
#include "suites/training/support/parameter_checksum.h"
#include "suites/training/support/trainer.h"

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

/// Values that are made at once, and of these what one thread makes.
constexpr std::int64_t initial_block = std::int64_t{1} << 18, initial_part = 4096;

/// Runs through the elements of the whole tensor that a rank holds, in the order in which it holds them.
class Walk {
 public:
  Walk(const LocalTensor& tensor, std::int64_t local) : tensor_(tensor) {
    while (local >= piece().rows * piece().columns) {
      local -= piece().rows * piece().columns;
      ++number_;
    }
    row_ = local / piece().columns;
    column_ = local % piece().columns;
  }
  std::int64_t next() {
    const std::int64_t element = (piece().row + row_) * tensor_.whole.columns + piece().column + column_;
    if (++column_ == piece().columns) {
      column_ = 0;
      if (++row_ == piece().rows) {
        row_ = 0;
        ++number_;
      }
    }
    return element;
  }

 private:
  const Rectangle& piece() const { return tensor_.pieces[number_]; }

  const LocalTensor& tensor_;
  std::size_t number_ = 0;
  std::int64_t row_ = 0, column_ = 0;
};

/// To where the host writes them; f32 in between, so that bf16 weights are their masters, rounded.
void write_values(Element element, std::span<const double> values, std::byte* to) {
  const auto put = [&]<typename T, typename Convert>(T* into, Convert convert) {
    std::transform(values.begin(), values.end(), into, convert);
  };
  if (element == Element::f64) {
    put(reinterpret_cast<double*>(to), [](double value) { return value; });
  } else if (element == Element::f32) {
    put(reinterpret_cast<float*>(to), [](double value) { return static_cast<float>(value); });
  } else {
    put(reinterpret_cast<device::Bf16*>(to),
        [](double value) { return device::to_bf16(static_cast<float>(value)); });
  }
}

}  // namespace

void Trainer::initialise(std::uint64_t seed) {
  const bool fills = !exchange_ || exchange_->fills_weights();
  auto* const masters = static_cast<std::byte*>(memory_.at("master"));
  std::vector<double> values(static_cast<std::size_t>(initial_block));
  const auto write = [&](Element element, std::int64_t from, std::int64_t count, std::byte* to) {
    write_values(element,
                 std::span(values).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(count)),
                 view_.room(to));
    view_.put(to, static_cast<std::size_t>(count) * bytes_of(element));
  };
  for (const LocalTensor& tensor : local().tensors) {
    const InitialValues value(seed, tensor.index, tensor.whole.mean, tensor.whole.deviation);
    for (std::int64_t at = 0; at < tensor.count(); at += initial_block) {
      const std::int64_t count = std::min(initial_block, tensor.count() - at), flat = tensor.offset + at;
#pragma omp parallel for if (apart_)
      for (std::int64_t part = 0; part < count; part += initial_part) {
        Walk walk(tensor, at + part);
        for (std::int64_t i = part; i < std::min(count, part + initial_part); ++i)
          values[static_cast<std::size_t>(i)] = value(walk.next());
      }
      if (fills) write(element_, 0, count, weights(flat));
      const std::int64_t from = std::max(flat, shard_.begin),
                         to = std::min(flat + count, shard_.begin + shard_.count);
      if (masters != nullptr && from < to)
        write(exact_, from - flat, to - from,
              masters + static_cast<std::size_t>(from - shard_.begin) * bytes_of(exact_));
    }
  }
  group_.barrier();  // weights may be shared
}

void Trainer::poison() {
  const std::byte nan{0xFF};  // in every format
  memory_.fill_computed(nan);
  for (const LocalTensor& tensor : local().tensors)
    device_.set_bytes(gradients(tensor.offset), nan,
                      static_cast<std::size_t>(tensor.count()) * bytes_of(exact_));
  device_.finish();
}

std::uint64_t Trainer::checksum_of_tensors(const std::function<bool(const LocalTensor&)>& counts) const {
  std::uint64_t sum = 0;
  if (!apart_) {
    for (const LocalTensor& tensor : local().tensors)
      if (counts(tensor)) sum += parameter_checksum(tensor, element_, weights(0));
    return sum;
  }
  std::uint64_t* const there = &numbers().checksum;
  device_.set_bytes(there, std::byte{0}, sizeof *there);
  for (const LocalTensor& tensor : local().tensors) {
    if (!counts(tensor)) continue;
    std::int64_t flat = tensor.offset;
    for (const Rectangle& piece : tensor.pieces) {
      const std::int64_t first = piece.row * tensor.whole.columns + piece.column;
      operators_.add_checksum({tensor.index, first, piece.rows, piece.columns, tensor.whole.columns},
                              weights(flat), there);
      flat += piece.rows * piece.columns;
    }
  }
  device_.copy(&sum, there, sizeof sum);
  device_.finish();
  return sum;
}

std::uint64_t Trainer::checksum() const {
  return checksum_of_tensors([&](const LocalTensor& tensor) { return stands_for(tensor, at_.tensor); });
}

std::uint64_t Trainer::checksum_of_all() const {
  return checksum_of_tensors([](const LocalTensor&) { return true; });
}

std::uint64_t Trainer::checksum_of_table() const {
  const LocalTensor* table = local().find(Role::token_table, before_layers);
  return checksum_of_tensors([&](const LocalTensor& tensor) { return &tensor == table; });
}

void Trainer::change_weight(std::int64_t element, const std::function<void(std::byte*)>& change) {
  std::byte* const weight = weights(element);
  change(view_.get(weight, bytes_of(element_)));
  view_.put(weight, bytes_of(element_));
}

std::int64_t Trainer::not_finite() const {
  std::int64_t wrong = 0;
  const auto count = [&]<typename T, typename Finite>(const T* values, std::size_t length, Finite finite) {
    wrong += std::count_if(values, values + length, [&](T value) { return !finite(value); });
  };
  const auto plain = [](auto value) { return std::isfinite(value); };
  for (const LocalTensor& tensor : local().tensors) {
    const std::size_t bytes = static_cast<std::size_t>(tensor.count()) * bytes_of(element_);
    view_.read(weights(tensor.offset), bytes, [&](const std::byte* piece, std::size_t, std::size_t part) {
      const std::size_t length = part / bytes_of(element_);
      if (element_ == Element::f64) return count(reinterpret_cast<const double*>(piece), length, plain);
      if (element_ == Element::f32) return count(reinterpret_cast<const float*>(piece), length, plain);
      count(reinterpret_cast<const device::Bf16*>(piece), length,
            [](device::Bf16 value) { return std::isfinite(device::to_float(value)); });
    });
  }
  return wrong;
}

std::vector<StateBlock> Trainer::state() {
  std::vector<StateBlock> blocks = {
      {"weights", weights(0), static_cast<std::size_t>(flat_length_) * bytes_of(element_), true, &device_}};
  const std::pair<const char*, Element> updated[] = {
      {"master", exact_}, {"first_moment", moments_}, {"second_moment", moments_}};
  for (const auto& [name, element] : updated) {
    auto* begin = static_cast<std::byte*>(memory_.at(name));
    if (begin == nullptr) continue;
    const std::int64_t count = sharded() ? shard_length(local().count, layout_.data) : flat_length_;
    blocks.push_back(
        {name, begin, static_cast<std::size_t>(count) * bytes_of(element), !sharded(), &device_});
  }
  return blocks;
}

}  // namespace assay::training
