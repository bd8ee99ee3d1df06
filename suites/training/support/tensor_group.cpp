#include "suites/training/support/tensor_group.h"

#include <cstring>
#include <utility>
#include <vector>

#include "suites/training/support/host_view.h"

namespace assay::training {

namespace {

using device::Element;

/// MPI 3.1 has no bf16: its sum is f32 addition, rounded to nearest even.
void add_bf16(void* in, void* inout, int* length, MPI_Datatype*) {
  const auto* a = static_cast<const device::Bf16*>(in);
  auto* b = static_cast<device::Bf16*>(inout);
  for (int i = 0; i < *length; ++i) b[i] = device::to_bf16(device::to_float(a[i]) + device::to_float(b[i]));
}

}  // namespace

TensorGroup::TensorGroup(MPI_Comm communicator, bool sequence_parallel, bool silent,
                         std::function<double()> now_s, device::Device* device)
    : communicator_(communicator),
      sequence_parallel_(sequence_parallel),
      silent_(silent),
      now_s_(std::move(now_s)),
      device_(device != nullptr && apart(*device) ? device : nullptr) {
  if (communicator == MPI_COMM_NULL) return;
  MPI_Comm_rank(communicator, &rank_);
  MPI_Comm_size(communicator, &size_);
  MPI_Type_contiguous(static_cast<int>(device::bytes_of(Element::bf16)), MPI_BYTE, &bf16_);
  MPI_Type_commit(&bf16_);
  MPI_Op_create(&add_bf16, 1, &bf16_sum_);
}

TensorGroup::~TensorGroup() {
  if (bf16_sum_ != MPI_OP_NULL) MPI_Op_free(&bf16_sum_);
  if (bf16_ != MPI_DATATYPE_NULL) MPI_Type_free(&bf16_);
}

MPI_Datatype TensorGroup::type(Element element) const {
  switch (element) {
    case Element::f64:
      return MPI_DOUBLE;
    case Element::f32:
      return MPI_FLOAT;
    case Element::bf16:
      return bf16_;
    case Element::int8:
    default:
    case Element::int32:
      break;
  }
  return MPI_DATATYPE_NULL;
}

MPI_Op TensorGroup::sum_of(Element element) const {
  return element == Element::bf16 ? bf16_sum_ : MPI_SUM;
}

// ---- Through the host

void* TensorGroup::brought(int room, const void* from, std::size_t bytes) const {
  std::vector<std::byte>& values = rooms_[room];
  if (values.size() < bytes) {
    device_->finish();  // what was there may still be on its way
    values.resize(bytes);
  }
  if (from != nullptr) device_->copy(values.data(), from, bytes);
  device_->finish();
  return values.data();
}

const void* TensorGroup::gather(Element element, std::int64_t own_count, const void* own, void* all) const {
  if (size_ == 1 || !sequence_parallel_) return own;
  if (device_ == nullptr) {
    gather_here(element, own_count, own, all);
    return all;
  }
  const auto bytes = static_cast<std::size_t>(own_count) * device::bytes_of(element);
  const void* const here = brought(0, own, bytes);
  void* const gathered = brought(1, nullptr, bytes * static_cast<std::size_t>(size_));
  gather_here(element, own_count, here, gathered);
  device_->copy(all, gathered, bytes * static_cast<std::size_t>(size_));
  return all;
}

void TensorGroup::reduce(Element element, std::int64_t all_count, void* partial, void* own) const {
  if (size_ == 1 && own == partial) return;
  const auto bytes = static_cast<std::size_t>(all_count) * device::bytes_of(element);
  if (device_ == nullptr) return reduce_here(element, all_count, partial, own);
  if (size_ == 1) return device_->copy(own, partial, bytes);
  void* const here = brought(0, partial, bytes);
  void* const result =
      sequence_parallel_ ? brought(1, nullptr, bytes / static_cast<std::size_t>(size_)) : here;
  reduce_here(element, all_count, here, result);
  device_->copy(own, result, sequence_parallel_ ? bytes / static_cast<std::size_t>(size_) : bytes);
}

void TensorGroup::sum(Element element, std::int64_t count, void* values) const {
  if (size_ == 1) return;
  if (device_ == nullptr) return sum_here(element, count, values);
  const auto bytes = static_cast<std::size_t>(count) * device::bytes_of(element);
  void* const here = brought(0, values, bytes);
  sum_here(element, count, here);
  device_->copy(values, here, bytes);
}

// ---- On the host

void TensorGroup::gather_here(Element element, std::int64_t own_count, const void* own, void* all) const {
  if (silent_) {
    const auto bytes = static_cast<std::size_t>(own_count) * device::bytes_of(element);
    const std::vector<std::byte> zeros(bytes);
    MPI_Allgather(zeros.data(), static_cast<int>(own_count), type(element), all, static_cast<int>(own_count),
                  type(element), communicator_);
    std::memset(all, 0, bytes * static_cast<std::size_t>(size_));
    std::memcpy(static_cast<std::byte*>(all) + bytes * static_cast<std::size_t>(rank_), own, bytes);
    return;
  }
  const double begin_s = now_s();
  MPI_Allgather(own, static_cast<int>(own_count), type(element), all, static_cast<int>(own_count),
                type(element), communicator_);
  exchanged_s_ += now_s() - begin_s;
  bytes_sent_ += own_count * static_cast<std::int64_t>(device::bytes_of(element)) * (size_ - 1);
}

void TensorGroup::reduce_here(Element element, std::int64_t all_count, void* partial, void* own) const {
  if (size_ > 1 && sequence_parallel_) {
    const auto bytes = static_cast<std::size_t>(all_count) * device::bytes_of(element);
    const auto own_bytes = bytes / static_cast<std::size_t>(size_);
    std::vector<std::byte> kept;
    if (silent_) {
      const auto* begin =
          static_cast<const std::byte*>(partial) + own_bytes * static_cast<std::size_t>(rank_);
      kept.assign(begin, begin + own_bytes);
      std::memset(partial, 0, bytes);
    }
    const double begin_s = now_s();
    MPI_Reduce_scatter_block(partial, own, static_cast<int>(all_count / size_), type(element),
                             sum_of(element), communicator_);
    exchanged_s_ += now_s() - begin_s;
    if (silent_) std::memcpy(own, kept.data(), own_bytes);
    bytes_sent_ += all_count * static_cast<std::int64_t>(device::bytes_of(element)) * (size_ - 1) / size_;
    return;
  }
  sum_here(element, all_count, partial);
  if (own != partial) {
    std::memcpy(own, partial, static_cast<std::size_t>(all_count) * device::bytes_of(element));
  }
}

void TensorGroup::sum_here(Element element, std::int64_t count, void* values) const {
  if (size_ == 1) return;
  if (silent_) return take_part(element, count, sum_of(element));
  const double begin_s = now_s();
  MPI_Allreduce(MPI_IN_PLACE, values, static_cast<int>(count), type(element), sum_of(element), communicator_);
  exchanged_s_ += now_s() - begin_s;
  bytes_sent_ += 2 * count * static_cast<std::int64_t>(device::bytes_of(element)) * (size_ - 1) / size_;
}

void TensorGroup::maximum_here(Element element, std::int64_t count, void* values) const {
  if (size_ == 1) return;
  if (silent_) return take_part(element, count, MPI_MAX);
  const double begin_s = now_s();
  MPI_Allreduce(MPI_IN_PLACE, values, static_cast<int>(count), type(element), MPI_MAX, communicator_);
  exchanged_s_ += now_s() - begin_s;
  bytes_sent_ += 2 * count * static_cast<std::int64_t>(device::bytes_of(element)) * (size_ - 1) / size_;
}

void TensorGroup::take_part(Element element, std::int64_t count, MPI_Op operation) const {
  std::vector<std::byte> zeros(static_cast<std::size_t>(count) * device::bytes_of(element));
  MPI_Allreduce(MPI_IN_PLACE, zeros.data(), static_cast<int>(count), type(element), operation, communicator_);
}

}  // namespace assay::training
