#pragma once
#include <functional>
#include <string_view>

#include "countersign/app/runtime.hpp"

namespace countersign::test {

// Counts nothing; a test may listen.
struct FakeCounters final : app::Counters {
    std::function<void(std::string_view what, std::string_view label)> heard;
    void count(std::string_view what, std::string_view label) override {
        if (heard) heard(what, label);
    }
};

}  // namespace countersign::test
