#include "suites/training/support/host_view.h"

#include <stdexcept>

namespace assay::training {

HostView::HostView(device::Device& device, std::size_t most_bytes)
    : device_(device),
      most_bytes_(most_bytes),
      room_(apart(device) ? device.allocate(most_bytes) : nullptr) {}

std::byte* HostView::get(void* at, std::size_t bytes) const {
  if (direct()) return static_cast<std::byte*>(at);
  if (bytes > most_bytes_) throw std::logic_error("a piece that is larger than the room for it");
  device_.copy(room_->host(), at, bytes);
  device_.finish();
  return static_cast<std::byte*>(room_->host());
}

std::byte* HostView::room(void* at) const {
  return static_cast<std::byte*>(direct() ? at : room_->host());
}

void HostView::put(void* at, std::size_t bytes) const {
  if (direct()) return;
  device_.copy(at, room_->host(), bytes);
  device_.finish();
}

void* HostView::pushed(std::size_t bytes) const {
  device_.copy(room_->device(), room_->host(), bytes);
  return room_->device();
}

}  // namespace assay::training
