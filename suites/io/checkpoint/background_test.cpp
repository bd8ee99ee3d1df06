#include "suites/io/checkpoint/background.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay::bench {
namespace {

TEST(Background, JobsRunOneAfterTheOtherOnOneThread) {
  std::thread::id first, second;
  Background background([&] { first = std::this_thread::get_id(); });
  EXPECT_TRUE(background.done());
  background.start([&] { second = std::this_thread::get_id(); });
  background.wait();
  EXPECT_TRUE(background.done());
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

TEST(Background, TheLastJobIsWaitedFor) {
  std::atomic<bool> go = false;
  bool ran = false;
  {
    Background background([] {});
    background.start([&] {
      while (!go) std::this_thread::yield();
      ran = true;
    });
    EXPECT_FALSE(background.done());
    go = true;
  }
  EXPECT_TRUE(ran);
}

TEST(Background, WhatTheFirstJobThrowsIsThrown) {
  EXPECT_THROW(Background([] { throw std::runtime_error("no engine"); }), std::runtime_error);
}

}  // namespace
}  // namespace assay::bench
