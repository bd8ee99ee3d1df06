#include "suites/memory/transfer/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "suites/harness/launched_program.h"

namespace assay::bench {

const Benchmark& memory_transfer();

namespace {

using testing::HasSubstr;

TEST(Transfer, EveryWordOfAPayloadIsItsOwn) {
  std::set<std::uint64_t> words;
  for (std::uint64_t key = 0; key < 4; ++key)
    for (std::uint64_t i = 0; i < 1000; ++i) words.insert(transfer::payload_word(key, i));
  EXPECT_EQ(words.size(), 4000u);
}

TEST(Transfer, WhatIsNotThePayloadIsFound) {
  std::vector<unsigned char> bytes(4096);
  transfer::fill_payload(bytes.data(), bytes.size(), 7);
  EXPECT_EQ(transfer::compare_payload(bytes.data(), bytes.size(), 7).wrong, 0u);
  EXPECT_EQ(transfer::compare_payload(bytes.data(), bytes.size(), 8).wrong, 512u);  // another stream's
  bytes[1001] ^= 1;
  const transfer::PayloadErrors one = transfer::compare_payload(bytes.data(), bytes.size(), 7);
  EXPECT_EQ(one.wrong, 1u);
  EXPECT_EQ(one.first, 1000u);
  // Shifted by a word: nearly all are wrong.
  transfer::fill_payload(bytes.data(), bytes.size(), 7);
  EXPECT_EQ(transfer::compare_payload(bytes.data() + 8, bytes.size() - 8, 7).wrong, 511u);
}

TEST(Transfer, TheCheckFailsWithWhereItIsWrong) {
  transfer::PayloadCheck none;
  EXPECT_EQ(none.result().status, CheckStatus::fail);  // nothing was compared
  transfer::PayloadCheck check;
  check.add("the GPU's memory", {0, 0});
  EXPECT_EQ(check.result().status, CheckStatus::pass);
  check.add("the host's memory", {2, 4096});
  EXPECT_EQ(check.result().status, CheckStatus::fail);
  EXPECT_EQ(check.result().error, 2);
  EXPECT_THAT(check.result().how, HasSubstr("2 wrong in the host's memory, the first at byte 4096"));
}

TEST(Transfer, CopiesAreWholeLines) {
  EXPECT_EQ(transfer::copied_bytes({{"bytes", std::int64_t{64}}}), 64u);
  EXPECT_EQ(transfer::copied_bytes({{"bytes", std::int64_t{65}}}), 128u);
}

TEST(Transfer, WhatCannotBeIsSaid) {
  ProcessGroup group;
  const Context context{group};
  const std::string reason = memory_transfer().unsupported({{"bytes", std::int64_t{4096}},
                                                            {"path", std::string("host")},
                                                            {"host_memory", std::string("pageable")},
                                                            {"by", std::string("kernel")}},
                                                           context);
  EXPECT_THAT(reason, HasSubstr("cannot reach pageable memory"));
}

/// Each way of copying on a machine that has a GPU; elsewhere the reason is what is tested.
TEST(TransferOnGpu, EveryWayIsMeasuredOrExplained) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const std::string arguments =
      "memory/transfer --bytes 1MiB --path host,within --host-memory pinned,pageable "
      "--by engine,kernel --time 20ms --json " +
      file.string();
  run_command(assay_bench(0, arguments));
  const auto records = records_in(file);
  ASSERT_EQ(records.size(), 8u);
  for (const Record& record : records) {
    if (record.status == LaunchStatus::completed) {
      ASSERT_EQ(record.devices.size(), 1u);
      EXPECT_EQ(record.devices[0].kind, "gpu");
      EXPECT_EQ(record.devices[0].check.status, CheckStatus::pass) << record.devices[0].check.how;
      for (const FigureOfMerit& fom : record.foms) EXPECT_TRUE(value_of(fom, record.devices[0])) << fom.name;
    } else {
      EXPECT_EQ(record.status, LaunchStatus::unsupported) << record.reason;
      EXPECT_THAT(record.reason, HasSubstr("; "));  // what is wrong; what to do
    }
  }
}

TEST(TransferOnGpu, APlantedFaultFailsTheCheck) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  run_command(assay_bench(0,
                          "memory/transfer --bytes 1MiB --path host,within --time 20ms --plant wrong_element "
                          "--json " +
                              file.string()));
  for (const Record& record : records_in(file)) {
    if (record.status == LaunchStatus::unsupported) continue;
    ASSERT_EQ(record.devices.size(), 1u);
    EXPECT_EQ(record.devices[0].check.status, CheckStatus::fail);
    EXPECT_EQ(record.devices[0].check.error, 1);
  }
}

}  // namespace
}  // namespace assay::bench
