#include "suites/training/support/host_view.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "suites/training/support/queued_device.h"

namespace assay::training {
namespace {

TEST(HostView, OfTheHostIsTheMemoryItself) {
  std::string text = "abcdefgh";
  const HostView view(device::host(), 3);
  EXPECT_TRUE(view.direct());
  EXPECT_EQ(view.get(text.data(), 8), reinterpret_cast<std::byte*>(text.data()));
  EXPECT_EQ(view.room(text.data() + 2), reinterpret_cast<std::byte*>(text.data() + 2));
  int pieces = 0;
  view.read(text.data(), 8, [&](const std::byte*, std::size_t at, std::size_t bytes) {
    EXPECT_EQ(std::pair(at, bytes), std::pair(std::size_t{0}, std::size_t{8}));
    ++pieces;
  });
  EXPECT_EQ(pieces, 1);
}

TEST(HostView, OfADeviceBringsPiecesAndPutsThem) {
  QueuedDevice device;
  const auto buffer = device.allocate(8);
  auto* const at = static_cast<std::byte*>(buffer->device());
  const HostView view(device, 3);
  EXPECT_FALSE(view.direct());
  for (std::size_t i = 0; i < 8; i += 2) {
    std::memcpy(view.room(at + i), "abcdefgh" + i, 2);
    view.put(at + i, 2);
  }
  std::string seen;
  std::vector<std::size_t> offsets;
  view.read(at, 8, [&](const std::byte* piece, std::size_t offset, std::size_t bytes) {
    seen.append(reinterpret_cast<const char*>(piece), bytes);
    offsets.push_back(offset);
  });
  EXPECT_EQ(seen, "abcdefgh");
  EXPECT_EQ(offsets, (std::vector<std::size_t>{0, 3, 6}));
  EXPECT_THROW(view.get(at, 4), std::logic_error);
  std::memcpy(view.room(nullptr), "xyz", 3);
  device.copy(at, view.pushed(3), 3);
  EXPECT_EQ(std::memcmp(view.get(at, 3), "xyz", 3), 0);
}

/// The system answers where a read of this process would end it.
bool readable(const void* place) {
  int ends[2] = {-1, -1};
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const bool could = write(ends[1], place, 1) == 1;
  for (const int end : ends) close(end);
  return could;
}

TEST(QueuedDevice, ItsMemoryIsClosedToTheHost) {
  QueuedDevice device;
  const auto buffer = device.allocate(8);
  EXPECT_FALSE(readable(buffer->device()));
  EXPECT_TRUE(readable(buffer->host()));
  device.set_bytes(buffer->device(), std::byte{7}, 8);
  EXPECT_FALSE(readable(buffer->device()));
  EXPECT_THROW(device.record([&] { device.finish(); }), std::logic_error);
  EXPECT_THROW(device.record([&] { device.allocate(1); }), std::logic_error);
  const auto recorded = device.record([&] { device.set_bytes(buffer->device(), std::byte{9}, 4); });
  buffer->pull();
  EXPECT_FALSE(readable(buffer->device()));
  EXPECT_EQ(std::memcmp(buffer->host(), "\7\7\7\7\7\7\7\7", 8), 0);
  recorded->begin();
  buffer->pull();
  EXPECT_EQ(std::memcmp(buffer->host(), "\t\t\t\t\7\7\7\7", 8), 0);
}

TEST(QueuedDevice, CollectivesRunAsEarlyOrAsLateAsTheyMay) {
  for (const Schedule schedule : {Schedule::early, Schedule::late}) {
    QueuedDevice device(device::host_operators, true, schedule);
    std::string order;
    device.begin([&] { order += 'a'; });
    device.collectives_wait_for_device();
    device.begin([&] { order += 'b'; });
    device.begin_collective([&] { order += 'C'; });
    device.begin([&] { order += 'd'; });
    device.device_waits_for_collectives();
    device.begin([&] { order += 'e'; });
    device.begin_collective([&] { order += 'F'; });
    EXPECT_EQ(order, "");
    device.finish();
    EXPECT_EQ(order, schedule == Schedule::early ? "aCFbde" : "abdCeF");
  }
}

}  // namespace
}  // namespace assay::training
