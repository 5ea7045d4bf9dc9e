#pragma once
#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {

// What tests of requests in a store have in common.
template <class Backend>
class CaseTest : public testing::Test {
  protected:
    Backend on;

    app::OpenedCase opened(app::NewCase fresh) {
        auto answer = on.get(on.cases().open(std::move(fresh), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    core::RequestId pending() { return opened(on.fresh()).opened.request->id; }
    app::Appended appended(app::Append what) {
        auto answer = on.get(on.cases().append(std::move(what), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    core::Case stored(core::RequestId request) {
        auto answer = on.get(on.cases().read(request, on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    std::vector<std::string> channels(core::RequestId request) {
        std::vector<std::string> all;
        auto cards = on.get(on.outbox().cards_of(request, on.soon()));
        EXPECT_TRUE(cards) << cards.error().detail;
        for (const auto& card : *cards) all.push_back(card.target.channel);
        return all;
    }
    app::Idempotency key(const std::string& text, const std::string& body = "body") {
        return {core::TokenId{core::TokenId::Bytes{}}, text, sha256(body)};
    }
};
using CaseBackends = testing::Types<InMemory, OnPostgres>;

}  // namespace countersign::contract
