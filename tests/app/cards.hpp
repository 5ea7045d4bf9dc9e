#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "app/office.hpp"

namespace countersign::test {

struct Cards : testing::Test {
    using Act = FakeChat::Act;
    using Fault = FakeChat::Fault;
    using State = core::State;

    Office office;
    std::unique_ptr<Process> process = fresh();

    // What a test put there may look at its own variables, which are gone by now.
    void TearDown() override {
        office.store.fault = nullptr;
        office.chat.weather = nullptr;
    }
    std::unique_ptr<Process> fresh(app::Limits limits = {}) {
        auto made = std::make_unique<Process>(office, limits);
        made->start();
        return made;
    }
    std::vector<FakeChat::Message> shown(core::RequestId request) {
        std::vector<FakeChat::Message> found;
        for (const auto& [ref, message] : office.chat.messages)
            if (message.request == request) found.push_back(message);
        return found;
    }
    std::int32_t version(core::RequestId request) {
        return office.get(process->requests.read(request, office.soon())).value()->c.version();
    }
    // Nothing is left to do and every card tells the truth.
    void expect_calm(core::RequestId request, std::size_t cards) {
        EXPECT_EQ(office.store.rows_behind(), 0U);
        auto messages = shown(request);
        EXPECT_EQ(messages.size(), cards);
        for (const auto& message : messages)
            if (!message.retired) EXPECT_EQ(message.version, version(request));
    }
    // The next `times` calls of this kind go wrong.
    void fail_next(Act act, Fault fault, int times = 1) {
        office.chat.weather = [act, fault, times](Act called) mutable {
            if (called != act || times <= 0) return Fault::none;
            --times;
            return fault;
        };
    }
};

}  // namespace countersign::test
