#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "countersign/base/text.hpp"
#include "http/desk.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using testing::ElementsAre;
using testing::HasSubstr;

struct Block {
    std::string id;
    std::string event;
    core::Value data;
};

// One client of the stream; hangs up in the end.
struct Client {
    Client(Desk& d, const std::string& query = "", const Headers& headers = {},
           std::optional<std::string> as = std::nullopt)
        : desk(d), exchange(d.begin("GET", "/v1/events" + query, {}, headers, std::move(as))) {}
    ~Client() {
        exchange->hang_up();
        desk.office.pass(1s);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    std::string text() const { return exchange->answers.at(0).body; }
    // What EventSource would see, and more strictly: an id never comes without data.
    std::vector<Block> blocks() const {
        std::vector<Block> all;
        std::string rest = text();
        for (std::size_t end = 0; (end = rest.find("\n\n")) != std::string::npos; rest.erase(0, end + 2)) {
            Block block;
            bool data = false;
            for (const auto& line : split(std::string_view(rest).substr(0, end), '\n')) {
                if (line.starts_with("id: ")) block.id = line.substr(4);
                if (line.starts_with("event: ")) block.event = line.substr(7);
                if (!line.starts_with("data: ")) continue;
                data = true;
                block.data = wire::parse_json(line.substr(6), {.bytes_max = 1'000'000}).value();
            }
            EXPECT_TRUE(data || block.id.empty()) << rest.substr(0, end);
            if (data) all.push_back(std::move(block));
        }
        EXPECT_EQ(rest, "") << "every block is whole";
        return all;
    }
    std::vector<std::string> told() const {
        std::vector<std::string> lines;
        for (const auto& block : blocks()) lines.push_back(block.id + " " + block.event);
        return lines;
    }

    Desk& desk;
    std::unique_ptr<FakeExchange> exchange;
};

struct EventStream : testing::Test {
    Desk desk;
    EventStream() { desk.keep_log(); }
    void pass(core::Duration time = 50ms) { desk.office.pass(time); }
};

TEST_F(EventStream, TellsEventsAsTheyHappenUnderTheirPlaceInTheLog) {
    Client client(desk);
    pass();
    auto id = desk.file();
    desk.approve(id);
    pass();
    EXPECT_THAT(client.told(), ElementsAre("0 request.created", "1 request.voted", "2 request.approved"));
    const auto& head = client.exchange->answers.at(0);
    EXPECT_EQ(head.status, 200U);
    EXPECT_EQ(head.fields.find("Content-Type"), "text/event-stream");
    EXPECT_EQ(head.fields.find("Cache-Control"), "no-store");
    EXPECT_THAT(client.text(), testing::StartsWith("retry: 2000\n: after -1\n\n"));
}

TEST_F(EventStream, AnEventIsTheCloudEventOfTheRequestAsItWasThen) {
    auto id = desk.file();
    desk.approve(id);
    pass();
    Client client(desk, "?after=-1");
    pass();
    auto blocks = client.blocks();
    ASSERT_EQ(blocks.size(), 3U);
    const auto& created = blocks[0].data;
    EXPECT_EQ(created["specversion"].text(), "1.0");
    EXPECT_EQ(created["type"].text(), "countersign.request.created");
    EXPECT_EQ(created["source"].text(), "https://approvals.example.com");
    EXPECT_EQ(created["subject"].text(), id);
    EXPECT_EQ(created["sequence"].text(), "00000000000000000000");
    EXPECT_EQ(created["data"]["id"].text(), id);
    EXPECT_EQ(created["data"]["state"].text(), "pending");
    EXPECT_EQ(created["data"]["version"].whole(), 1);
    EXPECT_TRUE(created["data"]["votes"].items()->empty());
    EXPECT_EQ(blocks[2].data["data"]["state"].text(), "approved");
    EXPECT_EQ(blocks[2].data["data"]["version"].whole(), 2);
    EXPECT_NE(blocks[1].data["id"].text(), blocks[2].data["id"].text());
}

TEST_F(EventStream, AnEventSaysWhoDidWhatThroughWhatAndWhy) {
    auto id = desk.file("db.export");
    auto request = *core::RequestId::parse(id);
    auto cast = [&](const char* user, core::Verdict verdict, std::string reason) {
        core::Cast vote{.account = core::AccountId{std::string("slack:T0/") + user},
                        .verdict = verdict,
                        .reason = std::move(reason),
                        .via = core::Surface::slack,
                        .shown_digest = std::nullopt};
        auto origin = app::Origin{"click:" + std::string(core::name_of(verdict))};
        auto done = desk.office.get(desk.process.requests.vote(request, vote, origin, desk.office.soon()));
        ASSERT_TRUE(done && !done->refusal);
    };
    cast("U0AMY", core::Verdict::hold, "wait for the backup");
    cast("U0AMY", core::Verdict::release, "it is there");
    cast("U0AMY", core::Verdict::approve, "");
    ASSERT_TRUE(desk.process.vote(request, "U0REQ")->refusal);
    desk.post("/v1/requests/" + id + "/cancel", R"({"reason":"not needed"})");
    pass();
    Client client(desk, "?after=-1");
    pass();
    std::map<std::string, core::Value> change;
    for (const auto& block : client.blocks()) change[block.event] = block.data["data"]["change"];
    EXPECT_EQ(change["request.created"]["what"].text(), "opened");
    EXPECT_EQ(change["request.created"]["who"].text(), "ci");
    EXPECT_EQ(change["request.held"]["who"].text(), "amy");
    EXPECT_EQ(change["request.held"]["account"].text(), "slack:T0/U0AMY");
    EXPECT_EQ(change["request.held"]["via"].text(), "slack");
    EXPECT_EQ(change["request.held"]["reason"].text(), "wait for the backup");
    EXPECT_EQ(change["request.released"]["reason"].text(), "it is there");
    EXPECT_EQ(change["request.voted"]["verdict"].text(), "approve");
    EXPECT_TRUE(change["request.voted"]["reason"].is_null());
    EXPECT_EQ(change["request.cancelled"]["who"].text(), "ci");
    EXPECT_EQ(change["request.cancelled"]["via"].text(), "api");
    EXPECT_EQ(change["request.cancelled"]["reason"].text(), "not needed");
    EXPECT_EQ(change["request.vote_refused"]["what"].text(), "vote_refused");
    EXPECT_EQ(change["request.vote_refused"]["who"].text(), "riley");
    EXPECT_EQ(change["request.vote_refused"]["account"].text(), "slack:T0/U0REQ");
    EXPECT_EQ(change["request.vote_refused"]["verdict"].text(), "approve");
    EXPECT_EQ(change["request.vote_refused"]["via"].text(), "slack");
    EXPECT_EQ(change["request.vote_refused"]["why"].text(), "self_approval");
    EXPECT_FALSE(change["request.vote_refused"]["reason"].text().empty());
    const auto timeline = desk.get("/v1/requests/" + id).body["timeline"];
    std::string told;
    for (const auto& one : *timeline.items()) told += std::string(one["what"].text()) + " ";
    EXPECT_EQ(told, "opened held released voted cancelled ");
    EXPECT_TRUE(desk.get("/v1/requests").body["requests"][0]["timeline"].is_null());
}

TEST_F(EventStream, BeginsNowWhereNothingElseIsAsked) {
    desk.file();
    pass();
    Client client(desk);
    pass();
    EXPECT_TRUE(client.told().empty());
    EXPECT_THAT(client.text(), HasSubstr(": after 0\n"));
    desk.file();
    pass();
    EXPECT_THAT(client.told(), ElementsAre("1 request.created"));
}

TEST_F(EventStream, GoesOnAfterAnIdWithoutGapOrRepeat) {
    for (int i = 0; i < 30; ++i) desk.file();
    pass();
    Client before(desk, "?after=27");
    Client header(desk, "?after=-1", {{"Last-Event-ID", "27"}});
    pass();
    desk.file();
    pass();
    auto expected = ElementsAre("28 request.created", "29 request.created", "30 request.created");
    EXPECT_THAT(before.told(), expected);
    EXPECT_THAT(header.told(), expected) << "a reconnecting client's header is newer than its URL";
    Client all(desk, "?after=-1");
    pass();
    auto told = all.told();
    ASSERT_EQ(told.size(), 31U);
    for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], std::to_string(i) + " request.created");
}

TEST_F(EventStream, IsFilteredLikeTheList) {
    Client approved(desk, "?type=request.approved,request.denied");
    Client exports(desk, "?action=db.export");
    Client pending(desk, "?state=pending");
    Client amys(desk, "?approver=amy");
    Client nobodys(desk, "?requester=nobody");
    auto id = desk.file();
    desk.file("db.export");
    desk.file("db.read");
    desk.approve(id);
    Client one(desk, "?after=-1&request=" + id);
    pass();
    EXPECT_THAT(approved.told(), ElementsAre("3 request.approved", "5 request.approved"));
    EXPECT_THAT(exports.told(), ElementsAre("1 request.created"));
    EXPECT_THAT(pending.told(), ElementsAre("0 request.created", "1 request.created"));
    EXPECT_THAT(amys.told(), ElementsAre("0 request.created", "1 request.created"));
    EXPECT_THAT(one.told(), ElementsAre("0 request.created", "4 request.voted", "5 request.approved"));
    EXPECT_TRUE(nobodys.told().empty());
}

TEST_F(EventStream, ATokenThatOnlyAsksSeesItsOwn) {
    auto asker = desk.issue({Scope::request});
    auto mine = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, asker);
    ASSERT_EQ(mine.status, 201U);
    desk.file();
    pass();
    auto act = app::admin_event(app::AdminAct::policy_loaded, "sha256:aa", core::Value::object(),
                                desk.office.now(), desk.office.dice);
    desk.office.store.logs_acts = true;
    ASSERT_TRUE(desk.office.get(desk.process.log.record(act, desk.office.soon())));
    pass();
    Client client(desk, "?after=-1", {}, asker);
    pass();
    auto blocks = client.blocks();
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0].data["subject"].text(), mine.body["id"].text());
    Client reader(desk, "?after=-1");
    pass();
    EXPECT_EQ(reader.told().size(), 3U);
    EXPECT_EQ(reader.blocks()[2].data["data"].type_name(), "object");
    EXPECT_EQ(reader.blocks()[2].data["subject"].text(), "sha256:aa");
}

TEST_F(EventStream, SaysEveryFifteenSecondsThatItLives) {
    Client client(desk);
    pass(14s);
    EXPECT_THAT(client.text(), testing::Not(HasSubstr("keep-alive")));
    pass(2s);
    EXPECT_THAT(client.text(), HasSubstr(": keep-alive\n\n"));
    pass(15s);
    EXPECT_THAT(client.text(), HasSubstr(": keep-alive\n\n: keep-alive\n\n"));
}

TEST_F(EventStream, AReaderThatFallsBehindIsCutOffWithAWordAndMayComeBack) {
    Client slow(desk);
    Client quick(desk);
    pass();
    desk.file();
    pass();
    slow.exchange->stuck = true;
    for (int i = 0; i < 20; ++i) {
        desk.file();
        pass();
    }
    EXPECT_EQ(quick.told().size(), 21U) << "nobody waits for the slow one";
    slow.exchange->stuck = false;
    pass(1s);
    auto blocks = slow.blocks();
    ASSERT_GE(blocks.size(), 2U);
    const auto& last = blocks.back();
    EXPECT_EQ(last.event, "end");
    EXPECT_EQ(last.id, "") << "it is no event of the log";
    EXPECT_EQ(last.data["code"].text(), "slow_reader");
    auto reached = blocks[blocks.size() - 2].id;
    EXPECT_EQ(last.data["after"].whole(), std::stoi(reached));
    Client again(desk, "", {{"Last-Event-ID", reached}});
    pass();
    EXPECT_EQ(again.told().size() + blocks.size() - 1, 21U) << "nothing is lost";
}

TEST_F(EventStream, EndsWhenItsTokenIsRevoked) {
    Client client(desk);
    pass();
    desk.revoke();
    pass(2s);  // nothing happens meanwhile
    auto blocks = client.blocks();
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0].event, "end");
    EXPECT_EQ(blocks[0].data["code"].text(), "token_revoked");
}

TEST_F(EventStream, EndsWithAWordWhenTheServerGoesDown) {
    Client client(desk);
    pass();
    desk.process.log.close();
    pass();
    ASSERT_EQ(client.blocks().size(), 1U);
    EXPECT_EQ(client.blocks()[0].data["code"].text(), "server_closing");
}

TEST_F(EventStream, GoesOnWhenTheDatabaseComesBack) {
    Client client(desk);
    pass();
    bool down = true;
    desk.office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (down && (call == "sequence" || call == "read_log"))
            return Failure{Trouble::unavailable, "gone", {}, {}};
        return std::nullopt;
    };
    desk.file();
    pass(5s);
    EXPECT_TRUE(client.told().empty());
    down = false;
    pass(3s);
    EXPECT_THAT(client.told(), ElementsAre("0 request.created"));
}

// ---- pages

struct EventPages : EventStream {
    Headers json{{"Accept", "application/json"}};
};

TEST_F(EventPages, AreReadOneAfterTheOther) {
    for (int i = 0; i < 5; ++i) desk.file();
    pass();
    auto first = desk.get("/v1/events?limit=2", json);
    ASSERT_EQ(first.status, 200U) << first.text;
    EXPECT_EQ(first.body["events"].items()->size(), 2U);
    EXPECT_EQ(first.body["events"][0]["type"].text(), "countersign.request.created");
    EXPECT_EQ(first.body["next_after"].whole(), 1);
    EXPECT_TRUE(first.body["more"].truth());
    EXPECT_EQ(first.body["size"].whole(), 5);
    auto last = desk.get("/v1/events?after=3", json);
    EXPECT_EQ(last.body["events"].items()->size(), 1U);
    EXPECT_EQ(last.body["events"][0]["sequence"].text(), "00000000000000000004");
    EXPECT_FALSE(last.body["more"].truth());
    auto none = desk.get("/v1/events?after=" + std::to_string(last.body["next_after"].whole()), json);
    EXPECT_TRUE(none.body["events"].items()->empty());
    EXPECT_EQ(none.body["next_after"].whole(), 4) << "where to look for what comes";
}

TEST_F(EventPages, OfAnEmptyLogAreEmpty) {
    auto reply = desk.get("/v1/events", json);
    ASSERT_EQ(reply.status, 200U) << reply.text;
    EXPECT_EQ(reply.text, R"({"events":[],"more":false,"next_after":-1,"size":0})");
}

TEST_F(EventPages, FilteredOnesGoOnUntilTheyAreFullOrTheLogEnds) {
    for (int i = 0; i < 3; ++i) {
        desk.file("db.export");
        desk.file();
    }
    pass();
    auto reply = desk.get("/v1/events?action=deploy&limit=2", json);
    EXPECT_EQ(reply.body["events"].items()->size(), 2U);
    auto rest =
        desk.get("/v1/events?action=deploy&after=" + std::to_string(reply.body["next_after"].whole()), json);
    EXPECT_EQ(rest.body["events"].items()->size(), 1U);
    EXPECT_FALSE(rest.body["more"].truth());
}

TEST_F(EventPages, AreFilteredByEnvironmentResourceVoterAndTime) {
    auto file = [&](const std::string& more) {
        auto reply = desk.call("POST", "/v1/requests", R"({"action":"deploy",)" + more + "}");
        EXPECT_EQ(reply.status, 201U) << reply.text;
        return *core::RequestId::parse(reply.body["id"].text());
    };
    auto prod = file(R"("environment":"prod","resource":"orders")");
    auto dev = file(R"("environment":"dev","resource":"orders")");
    desk.process.vote(prod, "U0BEN");
    desk.process.vote(dev, "U0AMY");
    pass();
    auto told = [&](const std::string& query) {
        std::vector<std::string> all;
        auto page = desk.get("/v1/events?after=-1&" + query, json);
        EXPECT_EQ(page.status, 200U) << page.text;
        for (const auto& event : *page.body["events"].items()) {
            auto type =
                std::string{event["type"].text()}.substr(std::string_view{"countersign.request."}.size());
            all.push_back(std::string{event["data"]["environment"].text()} + " " + type);
        }
        return all;
    };
    const auto everything = told("resource=orders");
    EXPECT_THAT(everything, testing::SizeIs(testing::Ge(4U)));
    EXPECT_EQ(told("resource=order").size(), 0U);
    EXPECT_THAT(told("environment=dev"), testing::Each(testing::StartsWith("dev ")));
    EXPECT_THAT(told("environment=dev&type=request.created"), ElementsAre("dev created"));
    // Who had voted by then: what came before their vote is not theirs.
    EXPECT_EQ(told("voter=ben").front(), "prod voted");
    EXPECT_THAT(told("voter=ben"), testing::Each(testing::StartsWith("prod ")));
    EXPECT_EQ(told("voter=slack:T0/U0AMY").front(), "dev voted");
    EXPECT_EQ(told("voter=riley").size(), 0U);
    EXPECT_EQ(told("until=1h").size(), 0U);
    EXPECT_EQ(told("resource=orders&until=2100-01-01T00:00:00Z"), everything);
}

TEST_F(EventStream, IsFilteredLikeAPage) {
    Client client(desk, "?environment=prod&voter=ben");
    pass();
    auto reply = desk.call("POST", "/v1/requests", R"({"action":"deploy","environment":"prod"})");
    auto other = desk.call("POST", "/v1/requests", R"({"action":"deploy","environment":"dev"})");
    desk.process.vote(*core::RequestId::parse(other.body["id"].text()), "U0BEN");
    desk.process.vote(*core::RequestId::parse(reply.body["id"].text()), "U0BEN");
    pass();
    ASSERT_FALSE(client.blocks().empty());
    EXPECT_THAT(client.told().front(), testing::EndsWith("request.voted"));
    for (const auto& block : client.blocks()) EXPECT_EQ(block.data["data"]["environment"].text(), "prod");
}

struct BadEvents : EventStream, testing::WithParamInterface<std::pair<std::string, std::string>> {};

TEST_P(BadEvents, AreRefusedWithAReason) {
    desk.file();
    pass();
    auto [query, code] = GetParam();
    auto reply = desk.get("/v1/events" + query);
    EXPECT_EQ(reply.status, 400U) << reply.text;
    EXPECT_EQ(reply.code(), code);
}

using Bad = std::pair<std::string, std::string>;
INSTANTIATE_TEST_SUITE_P(
    Queries, BadEvents,
    testing::Values(Bad{"?after=-2", "bad_query"}, Bad{"?after=x", "bad_query"}, Bad{"?after=", "bad_query"},
                    Bad{"?after=1", "beyond_the_end"}, Bad{"?after=9999999999999999999", "bad_query"},
                    Bad{"?limit=5", "bad_query"}, Bad{"?type=request.aproved", "bad_query"},
                    Bad{"?state=open", "bad_query"}, Bad{"?request=1", "bad_query"},
                    Bad{"?approver=me", "no_owner"}, Bad{"?since=yesterday", "bad_query"},
                    Bad{"?until=7d", "bad_query"}, Bad{"?voter=me", "no_owner"},
                    Bad{"?voter=rilye", "bad_query"}, Bad{"?voter=teams:x", "bad_query"},
                    Bad{"?environments=prod", "unknown_query_parameter"},
                    Bad{"?afters=1", "unknown_query_parameter"},
                    Bad{"?after=0&after=0", "repeated_query_parameter"}));

TEST_F(EventStream, ABadLastEventIdIsRefused) {
    desk.file();
    pass();
    EXPECT_EQ(desk.get("/v1/events", {{"Last-Event-ID", "abc"}}).code(), "bad_query");
    EXPECT_EQ(desk.get("/v1/events", {{"Last-Event-ID", "7"}}).code(), "beyond_the_end");
}

TEST_F(EventStream, NeedsAScopeThatReads) {
    auto other = desk.issue({Scope::subscribe});
    EXPECT_EQ(desk.call("GET", "/v1/events", {}, {}, other).code(), "scope_missing");
    EXPECT_EQ(desk.call("POST", "/v1/events", "{}").status, 405U);
}

}  // namespace
}  // namespace countersign::test
