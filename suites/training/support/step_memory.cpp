#include "suites/training/support/step_memory.h"

namespace assay::training {

namespace {

constexpr std::size_t line_bytes = 64;
static_assert(sizeof(StepNumbers) <= line_bytes, "the item has so much room");

}  // namespace

StepMemory::StepMemory(device::Device& device, const std::vector<MemoryItem>& items,
                       const std::map<std::string, std::byte*>& elsewhere)
    : device_(device) {
  for (const MemoryItem& item : items) {
    if (item.name == "scratch" || item.name == "loader" || item.name == "mpi" || item.name == "view")
      continue;
    Place place;
    const auto bytes = static_cast<std::size_t>(item.count) * device::bytes_of(item.element);
    place.stride = (bytes + line_bytes - 1) / line_bytes * line_bytes;
    place.copies = item.copies;
    if (const auto there = elsewhere.find(item.name); there != elsewhere.end()) {
      place.begin = there->second;
      places_.emplace(item.name, place);
      continue;
    }
    if (item.mapped) continue;
    const std::size_t all = place.stride * static_cast<std::size_t>(item.copies);
    buffers_.push_back(device.allocate(all));
    place.buffer = buffers_.back().get();
    place.begin = static_cast<std::byte*>(place.buffer->device());
    device_.set_bytes(place.begin, std::byte{0}, all);  // the timed steps find every page there
    bytes_ += static_cast<std::int64_t>(all);
    places_.emplace(item.name, place);
  }
  device_.finish();
}

void* StepMemory::at(std::string_view name, std::int64_t copy) const {
  const auto place = places_.find(name);
  if (place == places_.end() || copy >= place->second.copies) return nullptr;
  return place->second.begin + place->second.stride * static_cast<std::size_t>(copy);
}

void* StepMemory::host_at(std::string_view name, std::int64_t copy) const {
  const auto place = places_.find(name);
  if (place == places_.end() || copy >= place->second.copies || place->second.buffer == nullptr)
    return nullptr;
  return static_cast<std::byte*>(place->second.buffer->host()) +
         place->second.stride * static_cast<std::size_t>(copy);
}

void StepMemory::fill_computed(std::byte value) {
  for (const auto& [name, place] : places_) {
    if (!name.starts_with("kept.") && !name.starts_with("work.") && !name.starts_with("end.")) continue;
    device_.set_bytes(place.begin, value, place.stride * static_cast<std::size_t>(place.copies));
  }
}

}  // namespace assay::training
