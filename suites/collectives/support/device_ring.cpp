#include "suites/collectives/support/device_ring.h"

#include <utility>

namespace assay::bench {

namespace {

/// What vendors' libraries move fastest begins at multiples of this.
constexpr std::size_t alignment = 512;

std::size_t stride_of(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

std::unique_ptr<device::Buffer> buffer_of(device::Device& device, std::size_t slot_bytes, int slots) {
  if (slot_bytes == 0) return nullptr;
  return device.allocate(stride_of(slot_bytes) * static_cast<std::size_t>(slots));
}

std::byte* place(void* begin, std::size_t slot_bytes, int slot) {
  return static_cast<std::byte*>(begin) + stride_of(slot_bytes) * static_cast<std::size_t>(slot);
}

std::unique_ptr<device::Buffer> copy_of(device::Device& device, device::Buffer* buffer) {
  if (buffer == nullptr) return nullptr;
  auto copy = device.allocate(buffer->bytes());
  device.copy(copy->device(), buffer->device(), buffer->bytes());
  return copy;
}

void copy_back(device::Device& device, device::Buffer* to, device::Buffer* from) {
  if (to != nullptr && from != nullptr) device.copy(to->device(), from->device(), to->bytes());
}

}  // namespace

DeviceRing::DeviceRing(Operation& operation, Transport transport, const Context& context)
    : operation_(operation), transport_(std::move(transport)), communicator_(context) {}

std::vector<Buffers> DeviceRing::allocate(int slots) {
  device::Device& device = *transport_.device;
  const std::size_t input_bytes = operation_.input_bytes(), result_bytes = operation_.result_bytes();
  input_ = buffer_of(device, input_bytes, slots);
  result_ = buffer_of(device, result_bytes, slots);
  for (int slot = 0; slot < slots; ++slot) {
    Buffers seen{nullptr, nullptr, slot}, real{nullptr, nullptr, slot};
    if (input_) {
      seen.input = place(input_->host(), input_bytes, slot);
      real.input = place(input_->device(), input_bytes, slot);
    }
    if (result_) {
      seen.result = place(result_->host(), result_bytes, slot);
      real.result = place(result_->device(), result_bytes, slot);
    }
    host_.push_back(seen);
    device_.push_back(real);
  }
  if (transport_.carrier == Carrier::library)
    collectives_ = device::collectives_of(transport_.library, device, meeting_of(communicator_.get()));
  return host_;
}

void DeviceRing::push() {
  for (device::Buffer* buffer : {input_.get(), result_.get()})
    if (buffer != nullptr) buffer->push();
}

void DeviceRing::pull() {
  for (device::Buffer* buffer : {input_.get(), result_.get()})
    if (buffer != nullptr) buffer->pull();
}

void DeviceRing::keep_inputs() {
  kept_input_ = copy_of(*transport_.device, input_.get());
  kept_result_ = copy_of(*transport_.device, result_.get());
  transport_.device->finish();
}

void DeviceRing::restore() {
  copy_back(*transport_.device, input_.get(), kept_input_.get());
  copy_back(*transport_.device, result_.get(), kept_result_.get());
  transport_.device->finish();
}

std::byte* DeviceRing::on_device(int slot, const std::byte* host) const {
  const Buffers& seen = host_[static_cast<std::size_t>(slot)];
  const Buffers& real = device_[static_cast<std::size_t>(slot)];
  const bool of_input =
      seen.input != nullptr && host >= seen.input && host < seen.input + operation_.input_bytes();
  return of_input ? real.input + (host - seen.input) : real.result + (host - seen.result);
}

/// The copy back goes on while the next call's begins; `finish` waits for it.
void DeviceRing::call_staged(int slot) {
  device::Device& device = *transport_.device;
  const Buffers& seen = host_[static_cast<std::size_t>(slot)];
  const auto inputs = operation_.inputs(seen);
  if (!inputs.empty()) device.copy(inputs.data(), on_device(slot, inputs.data()), inputs.size());
  device.finish();
  operation_.call(seen);
  const auto written = operation_.written(seen);
  if (!written.empty()) device.copy(on_device(slot, written.data()), written.data(), written.size());
}

void DeviceRing::call(int slot) {
  const Buffers& real = device_[static_cast<std::size_t>(slot)];
  switch (transport_.carrier) {
    case Carrier::library:
      if (timed_ && begun_ == 0) collectives_->begin_timing();
      ++begun_;
      return operation_.call_on(*collectives_, real);
    case Carrier::straight:
      return operation_.call(real);
    case Carrier::staged:
    case Carrier::host:
      return call_staged(slot);
  }
}

void DeviceRing::finish() {
  if (!collectives_) return transport_.device->finish();
  if (timed_ && begun_ > 0) collectives_->end_timing();
  collectives_->finish();
  if (timed_ && begun_ > 0)
    if (const auto interval_s = collectives_->timed_s()) device_time_s_ = *interval_s / begun_;
  begun_ = 0;
}

}  // namespace assay::bench
