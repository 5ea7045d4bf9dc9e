// Whom a request names, and what a token may reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/callers.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// riley's login and number are listed; amy has only her number listed.
struct Numbers : Callers {
    Numbers() {
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(R"(
version: 1
people:
  riley: { slack: U0REQ, github: riley-dev, oidc: "https://github.acme.example/_services/token|actor:1" }
  amy: { slack: U0AMY, oidc: "https://github.acme.example/_services/token|actor:2" }
  ben: { slack: U0BEN, github: ben-dev }
groups:
  security: { people: [riley, amy, ben] }
rules:
  - name: deploys
    when: { action: deploy }
    require: { count: 1, of: security }
)",
                                  "numbers.yaml", findings);
        COUNTERSIGN_CHECK(policy.has_value());
        desk.process.roster.set_policy(*policy);
    }
    core::RequestId started_by(const std::string& login, const std::string& number) {
        auto reply = file(workload({{"actor", login}, {"actor_id", number}}));
        EXPECT_EQ(reply.status, 201U) << reply.text;
        return *core::RequestId::parse(reply.body["id"].text());
    }
    std::optional<core::Why> refusal(core::RequestId id, const std::string& user) {
        auto vote = desk.process.vote(id, user);
        return vote && vote->refusal ? std::optional{vote->refusal->why} : std::nullopt;
    }
};

TEST_F(Numbers, AHumanIsExcludedByNumberAndByLogin) {
    auto both = started_by("riley-dev", "1");
    EXPECT_EQ(refusal(both, "U0REQ"), core::Why::self_approval);
    EXPECT_EQ(refusal(both, "U0BEN"), std::nullopt);
    // A number says who it is, whatever the login has become.
    auto renamed = started_by("amy-new", "2");
    EXPECT_EQ(refusal(renamed, "U0AMY"), core::Why::self_approval);
    EXPECT_EQ(refusal(renamed, "U0BEN"), std::nullopt);
    // A login that somebody else has registered since: both are kept out.
    auto taken = started_by("riley-dev", "2");
    EXPECT_EQ(refusal(taken, "U0REQ"), core::Why::self_approval);
    EXPECT_EQ(refusal(taken, "U0AMY"), core::Why::self_approval);
    EXPECT_EQ(refusal(taken, "U0BEN"), std::nullopt);
    // Only the login is known.
    auto login = started_by("ben-dev", "3");
    EXPECT_EQ(refusal(login, "U0BEN"), core::Why::self_approval);
    EXPECT_EQ(refusal(login, "U0AMY"), std::nullopt);
    EXPECT_EQ(refusal(started_by("nobody", "9"), "U0AMY"), core::Why::unlinked);
}

// ---- whom a caller names

struct Named : Callers {
    Reply on_behalf_of(const std::string& who, std::optional<std::string> as = std::nullopt) {
        return desk.call("POST", "/v1/requests", R"({"action":"deploy","on_behalf_of":[")" + who + "\"]}", {},
                         std::move(as));
    }
};

TEST_F(Named, WhoIsNobodyIsRefusedAtOnceWithWhoWasMeant) {
    auto reply = on_behalf_of("riley@example.com");
    EXPECT_EQ(reply.status, 422U);
    EXPECT_EQ(reply.code(), "unknown_person");
    EXPECT_EQ(reply.pointer(), "/on_behalf_of/0");
    EXPECT_THAT(std::string(reply.body["detail"].text()),
                HasSubstr("did you mean \"email:riley@example.com\"?"));
    EXPECT_EQ(on_behalf_of("rilye").status, 422U);
    EXPECT_EQ(on_behalf_of("slack:T0/U0REQ ").status, 422U);
    EXPECT_EQ(on_behalf_of("slack:T0/u0req").status, 422U);
    EXPECT_EQ(desk.get("/v1/requests?approver=rilye").code(), "bad_query");
    EXPECT_TRUE(desk.get("/v1/requests").body["requests"].items()->empty());
}

TEST_F(Named, AnAccountIsStoredAsItIsCompared) {
    auto reply = on_behalf_of("email:Riley@Example.com");
    ASSERT_EQ(reply.status, 201U);
    EXPECT_EQ(reply.body["on_behalf_of"][0].text(), "email:riley@example.com");
}

TEST_F(Named, AnAccountThatTheChatDoesNotKnowAsAMemberIsUnlinked) {
    desk.office.accounts.user("U0GONE", core::AccountClass::deleted);
    desk.office.accounts.user("U0BOT", core::AccountClass::bot);
    for (const char* who : {"slack:T0/U0GONE", "slack:T0/U0BOT", "slack:T0/U0GST", "slack:T0/U0NOBODY"}) {
        auto reply = on_behalf_of(who);
        ASSERT_EQ(reply.status, 201U) << reply.text;
        EXPECT_EQ(reply.body["unlinked"][0].text(), who);
        auto vote = desk.process.vote(*core::RequestId::parse(reply.body["id"].text()), "U0AMY");
        ASSERT_TRUE(vote && vote->refusal) << who;
        EXPECT_EQ(vote->refusal->why, core::Why::unlinked) << who;
    }
    auto owned = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {},
                           desk.issue({Scope::request}, "slack:T0/U0GONE"));
    EXPECT_EQ(owned.body["unlinked"][0].text(), "slack:T0/U0GONE");
    EXPECT_TRUE(on_behalf_of("slack:T0/U0DAN").body["unlinked"].items()->empty());
}

TEST_F(Named, AVoteAsksTheChatAboutThemFirst) {
    desk.office.accounts.reachable = false;
    auto reply = on_behalf_of("slack:T0/U0NEW");
    ASSERT_EQ(reply.status, 201U) << reply.text;
    auto id = *core::RequestId::parse(reply.body["id"].text());
    auto unknown = desk.process.vote(id, "U0AMY");
    ASSERT_TRUE(unknown && unknown->refusal);
    desk.office.accounts.reachable = true;
    desk.office.accounts.user("U0NEW");
    auto vote = desk.process.vote(id, "U0AMY");
    ASSERT_TRUE(vote);
    EXPECT_FALSE(vote->refusal) << vote->refusal->sentence;
    EXPECT_EQ(vote->now->ruling.state, core::State::approved);
}

// ---- bounds

TEST_F(Callers, ATokenReadsNoMoreThanItsOwnerAndItsOwn) {
    const auto pay = desk.file("pay");
    const auto deploy = desk.file();
    auto read = [&](const std::string& who, const std::string& target) {
        return desk.call("GET", target, {}, {}, who);
    };
    auto listed = [&](const std::string& who) {
        std::vector<std::string> ids;
        auto page = read(who, "/v1/requests");
        for (const auto& one : *page.body["requests"].items()) ids.emplace_back(one["id"].text());
        return ids;
    };
    const auto dan = desk.issue({Scope::read}, "slack:T0/U0DAN");
    for (const char* rest : {"", "?wait=1", "/decision", "/proof"}) {
        auto refused = read(dan, "/v1/requests/" + pay + rest);
        EXPECT_EQ(refused.status, 403U) << rest;
        EXPECT_EQ(refused.code(), "not_a_reader") << rest;
    }
    EXPECT_THAT(listed(dan), ElementsAre(deploy));
    for (const char* owner : {"cat", "slack:T0/U0AMY", "riley"}) {
        const auto reader = desk.issue({Scope::read}, owner);
        EXPECT_EQ(read(reader, "/v1/requests/" + pay).status, 200U) << owner;
        EXPECT_THAT(listed(reader), ElementsAre(deploy, pay)) << owner;
    }
    const auto guest = desk.issue({Scope::read}, "slack:T0/U0GST");
    EXPECT_EQ(read(guest, "/v1/requests/" + deploy).code(), "not_a_reader");
    EXPECT_THAT(listed(guest), ElementsAre());
    EXPECT_THAT(listed(desk.token), ElementsAre(deploy, pay)) << "an installation's own";
    desk.keep_log();
    desk.office.pass(1s);
    auto told = [&](const std::string& who) {
        return desk.call("GET", "/v1/events?after=-1", {}, {{"Accept", "application/json"}}, who).text;
    };
    EXPECT_THAT(told(dan), AllOf(HasSubstr(deploy), Not(HasSubstr(pay))));
    EXPECT_THAT(told(desk.token), HasSubstr(pay));
    // What it asked for itself it reads, whoever owns it.
    const auto asks = desk.issue({Scope::request, Scope::read}, "slack:T0/U0DAN");
    auto filed = desk.call("POST", "/v1/requests", R"({"action":"pay","on_behalf_of":["riley"]})", {}, asks);
    ASSERT_EQ(filed.status, 201U);
    EXPECT_EQ(read(asks, "/v1/requests/" + std::string(filed.body["id"].text())).status, 200U);
}

// A token made for deployments in staging, beside one of the same owner that may do anything.
struct Bounded : Callers {
    std::string wide = desk.issue({Scope::request, Scope::read, Scope::subscribe}, "riley");
    std::string narrow =
        desk.issue({Scope::request, Scope::read, Scope::subscribe}, "riley", {}, {{"deploy*"}, {"staging"}});
    Filed open(const std::string& action, const std::string& environment) {
        auto reply = post("/v1/requests",
                          R"({"action":")" + action + R"(","environment":")" + environment + "\"}", wide);
        EXPECT_EQ(reply.status, 201U) << reply.text;
        auto id = std::string(reply.body["id"].text());
        return {id, "/v1/requests/" + id, std::string(reply.body["digest"].text()), {}};
    }
    Filed outside = open("db.export", "staging");
    Filed elsewhere = open("deploy", "production");
    Filed inside = open("deploy", "staging");
    Reply subscribe(const std::string& filter, const std::string& as) {
        return post("/v1/subscriptions", R"({"url":"https://hooks.example.com/x","filter":)" + filter + "}",
                    as);
    }
};

TEST_F(Bounded, ATokensBoundsHoldForEveryActOnARequest) {
    desk.approve(inside.id);
    desk.approve(elsewhere.id);
    for (const auto* request : {&outside, &elsewhere}) {
        auto digest = R"({"digest":")" + request->digest + "\"}";
        EXPECT_EQ(get(request->path, narrow).code(), "outside_bounds");
        EXPECT_EQ(get(request->path + "?wait=60", narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/claim", digest, narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/outcome", R"({"status":"failed"})", narrow).code(),
                  "outside_bounds");
        EXPECT_EQ(post(request->path + "/cancel", "", narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/cancel", "", narrow).status, 403U);
    }
    EXPECT_EQ(get("/v1/requests/1", narrow).code(), "outside_bounds");
    EXPECT_EQ(get(inside.path, narrow).status, 200U);
    EXPECT_EQ(post(inside.path + "/claim", R"({"digest":")" + inside.digest + "\"}", narrow).status, 200U);
    EXPECT_EQ(post(inside.path + "/outcome", R"({"status":"failed"})", narrow).status, 200U);
    EXPECT_EQ(get(elsewhere.path, wide).body["state"].text(), "approved");
}

TEST_F(Bounded, AListHoldsWhatIsWithinTheBoundsAndGoesOnBehindIt) {
    for (int i = 0; i < 3; ++i) open("db.export", "staging");
    auto all = get("/v1/requests", narrow);
    ASSERT_EQ(all.body["requests"].items()->size(), 1U) << all.text;
    EXPECT_EQ(all.body["requests"][0]["id"].text(), inside.id);
    EXPECT_TRUE(all.body["next_cursor"].is_null());
    EXPECT_EQ(get("/v1/requests?limit=1", narrow).body["requests"][0]["id"].text(), inside.id);
    EXPECT_EQ(get("/v1/requests", wide).body["requests"].items()->size(), 6U);
}

TEST_F(Bounded, EventsAreThoseOfRequestsWithinTheBounds) {
    desk.keep_log();
    desk.approve(inside.id);
    desk.approve(elsewhere.id);
    desk.office.pass(1s);
    Headers json{{"Accept", "application/json"}};
    auto page = desk.call("GET", "/v1/events?after=-1", {}, json, narrow);
    ASSERT_TRUE(page.body["events"].items()) << page.text;
    EXPECT_GT(page.body["events"].items()->size(), 1U);
    for (const auto& event : *page.body["events"].items()) EXPECT_EQ(event["subject"].text(), inside.id);
    auto stream = desk.begin("GET", "/v1/events?after=-1", {}, {}, narrow);
    desk.office.pass(1s);
    EXPECT_THAT(stream->answers.at(0).body, HasSubstr(inside.id));
    EXPECT_THAT(stream->answers.at(0).body, Not(HasSubstr(outside.id)));
    EXPECT_THAT(stream->answers.at(0).body, Not(HasSubstr(elsewhere.id)));
    stream->hang_up();
    desk.office.pass(1s);
}

TEST_F(Bounded, WebhooksAreNoWayAroundThem) {
    auto filtered = subscribe("{}", narrow);
    ASSERT_EQ(filtered.status, 201U) << filtered.text;
    EXPECT_EQ(filtered.body["filter"]["action"][0].text(), "deploy*");
    EXPECT_EQ(filtered.body["filter"]["environment"][0].text(), "staging");
    EXPECT_EQ(subscribe(R"({"action":"deploy.*"})", narrow).status, 201U);
    for (const char* filter : {R"({"action":"*"})", R"({"action":["deploy","db.*"]})", R"({"action":"dep*"})",
                               R"({"environment":"stag*"})"}) {
        EXPECT_EQ(subscribe(filter, narrow).code(), "outside_bounds") << filter;
        EXPECT_EQ(subscribe(filter, narrow).pointer(), "/filter") << filter;
    }
    auto everything = subscribe("{}", wide);
    ASSERT_EQ(everything.status, 201U);
    auto path = "/v1/subscriptions/" + std::string(everything.body["id"].text());
    EXPECT_EQ(get(path, narrow).status, 404U);
    EXPECT_EQ(post(path + "/rotate", "", narrow).status, 404U);
    EXPECT_EQ(get(path + "/deliveries", narrow).status, 404U);
    EXPECT_EQ(get("/v1/subscriptions", narrow).body["subscriptions"].items()->size(), 2U);
    EXPECT_EQ(get("/v1/subscriptions", wide).body["subscriptions"].items()->size(), 3U);
}

}  // namespace
}  // namespace countersign::test
