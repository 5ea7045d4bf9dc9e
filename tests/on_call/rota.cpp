#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "countersign/adapters/on_call.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/rt/tasks.hpp"
#include "rt/world.hpp"

namespace countersign::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string key = core::GroupRecord::OnCall{"PABC123", {}, 1}.key();

// The service, in memory.
struct RotaTest : testing::Test {
    World world;
    std::unique_ptr<net::MemoryNetwork> network =
        net::make_memory_network(world.io.get_executor(), world.time, &world.time);
    std::unique_ptr<net::HttpClient> client =
        net::make_http_client(*network, world.time, world.time, world.io.get_executor());
    rt::TaskGroup servers{world.io.get_executor(), 100, rt::report_bug};
    std::unique_ptr<net::Listener> listener = network->listen("api.pagerduty.com:443");
    std::vector<std::vector<std::string>> pages{{"PU1"}};
    unsigned status = 200;
    core::Duration answers_after{};
    std::vector<std::string> asked;
    std::string authorization;
    std::string accept;
    std::unique_ptr<on_call::Rota> rota = on_call::make_pagerduty(
        {*net::parse_url("https://api.pagerduty.com/"), Secret{"u+key"}},
        {.clock = world.time, .timers = world.time, .client = *client, .executor = world.io.get_executor()});

    RotaTest() {
        auto handler = [this](net::HttpExchange& exchange) { return serve(exchange); };
        servers.start("service", net::serve_http(*listener, handler, servers, world.time, world.time));
    }
    ~RotaTest() override {
        listener->close();
        rota.reset();
        client.reset();
        world.spawn([](rt::TaskGroup& group, World& w) -> rt::asio::awaitable<void> {
            co_await group.end(w.time, w.time.now() + 1s);
        }(servers, world));
        world.run();
    }

    rt::asio::awaitable<void> serve(net::HttpExchange& exchange) {
        const auto& request = exchange.request();
        asked.push_back(request.target);
        authorization = request.fields.find("Authorization").value_or("");
        accept = request.fields.find("Accept").value_or("");
        if (answers_after > core::Duration::zero())
            co_await world.time.sleep_until(world.time.now() + answers_after);
        net::HttpResponse answer{.status = status, .fields = {}, .body = {}};
        const std::size_t page = std::min(asked.size() - 1, pages.size() - 1);
        std::string entries;
        for (const std::string& user : pages[page])
            entries +=
                std::string(entries.empty() ? "" : ",") + R"({"user":{"id":")" + user +
                R"("},"escalation_policy":{"id":"PABC123"},"escalation_level":1,"start":null,"end":null})";
        answer.body =
            R"({"oncalls":[)" + entries + R"(],"more":)" + (page + 1 < pages.size() ? "true" : "false") + "}";
        co_await exchange.respond(std::move(answer));
    }
    Result<Done> refresh(core::Duration age_max = 5min) {
        std::optional<Result<Done>> answer;
        world.spawn([](on_call::Rota& of, core::Duration age, Deadline until,
                       std::optional<Result<Done>>& out) -> rt::asio::awaitable<void> {
            out.emplace(co_await of.refresh(std::nullopt, {key}, age, until));
        }(*rota, age_max, Deadline{world.time.now() + 30s}, answer));
        while (!answer) {
            world.settle();
            if (answer) break;
            auto next = world.time.next();
            if (!next) break;
            world.time.advance_to(*next);
        }
        return answer.value_or(fail(Trouble::cancelled, "no answer"));
    }
    void pass(core::Duration time) { world.time.advance_to(world.time.now() + time); }
    const core::ChatGroup* known() const {
        auto found = rota->workspace()->groups.find(key);
        return found == rota->workspace()->groups.end() ? nullptr : found->second.get();
    }
};

TEST_F(RotaTest, WhoIsOnCallIsAskedAsTheServiceHasIt) {
    EXPECT_EQ(known(), nullptr);
    ASSERT_TRUE(refresh());
    EXPECT_THAT(known()->members, ElementsAre("PU1"));
    EXPECT_THAT(asked,
                ElementsAre("/oncalls?escalation_policy_ids%5B%5D=PABC123&earliest=true&limit=100&offset=0"));
    EXPECT_EQ(authorization, "Token token=u+key");
    EXPECT_EQ(accept, "application/vnd.pagerduty+json;version=2");
    EXPECT_TRUE(rota->problem().empty());
}

TEST_F(RotaTest, TheAnswerIsKeptForAsLongAsItIsYoungEnough) {
    ASSERT_TRUE(refresh());
    pass(5min);
    ASSERT_TRUE(refresh());
    EXPECT_EQ(asked.size(), 1U);
    pass(1s);
    pages = {{"PU2", "PU0"}};
    ASSERT_TRUE(refresh());
    EXPECT_THAT(known()->members, ElementsAre("PU0", "PU2"));
    EXPECT_EQ(known()->as_of, world.time.now());
}

TEST_F(RotaTest, SeveralPagesAreOneAnswer) {
    pages = {{"PU1", "PU3"}, {"PU2"}, {"PU3"}};
    ASSERT_TRUE(refresh());
    EXPECT_THAT(known()->members, ElementsAre("PU1", "PU2", "PU3"));
    EXPECT_THAT(asked.at(1), HasSubstr("offset=2"));
    EXPECT_THAT(asked.at(2), HasSubstr("offset=3"));
}

TEST_F(RotaTest, WhatCannotBeReadStaysAsItWasAndGrowsOld) {
    ASSERT_TRUE(refresh());
    const auto read_at = known()->as_of;
    pass(6min);
    for (auto [answer, why] :
         std::vector<std::pair<unsigned, std::string>>{{401, "give `on_call.token`"},
                                                       {404, "no such escalation policy"},
                                                       {429, "too often"},
                                                       {500, "answered 500"}}) {
        status = answer;
        EXPECT_FALSE(refresh());
        EXPECT_THAT(rota->problem(), HasSubstr(why));
        EXPECT_THAT(rota->problem(), HasSubstr("api.pagerduty.com"));
        EXPECT_EQ(known()->as_of, read_at);
        pass(on_call::Rota::pause);
    }
    status = 200;
    ASSERT_TRUE(refresh());
    EXPECT_TRUE(rota->problem().empty());
}

TEST_F(RotaTest, AServiceInTroubleIsNotAskedByEveryVote) {
    status = 500;
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(refresh());
    EXPECT_EQ(asked.size(), 1U);
    pass(on_call::Rota::pause);
    EXPECT_FALSE(refresh());
    EXPECT_EQ(asked.size(), 2U);
}

TEST_F(RotaTest, WhoeverNeverAnswersKeepsNobodyWaitingForLong) {
    answers_after = 1h;
    const auto begun = world.time.now();
    EXPECT_FALSE(refresh());
    EXPECT_LE(world.time.now() - begun, on_call::Rota::call_within + 1s);
}

TEST_F(RotaTest, AnAnswerWithoutAnEndIsNone) {
    pages.assign(20, {"PU1"});
    EXPECT_FALSE(refresh());
    EXPECT_THAT(rota->problem(), HasSubstr("more people are on call than can be read"));
}

}  // namespace
}  // namespace countersign::test
