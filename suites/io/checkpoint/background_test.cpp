#include "suites/io/checkpoint/background.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay::bench {
namespace {

TEST(BackgroundThread, JobsRunOneAfterTheOtherOnOneThread) {
  std::thread::id first, second;
  BackgroundThread background([&] { first = std::this_thread::get_id(); });
  EXPECT_TRUE(background.done());
  background.start([&] { second = std::this_thread::get_id(); });
  background.wait();
  EXPECT_TRUE(background.done());
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

TEST(BackgroundThread, TheLastJobIsWaitedFor) {
  std::atomic<bool> go = false;
  bool ran = false;
  {
    BackgroundThread background([] {});
    background.start([&] {
      while (!go) std::this_thread::yield();
      ran = true;
    });
    EXPECT_FALSE(background.done());
    go = true;
  }
  EXPECT_TRUE(ran);
}

TEST(BackgroundThread, WhatTheFirstJobThrowsIsThrown) {
  EXPECT_THROW(BackgroundThread([] { throw std::runtime_error("no engine"); }), std::runtime_error);
}

}  // namespace
}  // namespace assay::bench
