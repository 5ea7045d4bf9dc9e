#include "teams/office.hpp"

// What somebody approved who had asked for it is reviewed by others in Teams: with the button of its card, by
// words, and from the list.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::TeamsOffice;

struct TeamsReview : test::OverEachTransport {
    static std::shared_ptr<const core::Policy> policy() {
        const std::string yaml =
            fmt::format(R"(
version: 1
people:
  amy: {{ slack: U0AMY, teams: {} }}
  ben: {{ slack: U0BEN, teams: {} }}
  cat: {{ teams: {} }}
groups:
  ops: {{ people: [cat, ben] }}
  security: {{ people: [amy, ben] }}
rules:
  - name: by night
    when: {{ action: restart }}
    require: {{ count: 1, of: ops }}
    self_approval: {{ allow: [cat], reason: required, review: {{ by: security, within: 1d }} }}
    visible_to: [ops, security]
)",
                        test::object_of("amy"), test::object_of("ben"), test::object_of("cat"));
        std::vector<PolicyFinding> findings;
        auto read = read_policy(yaml, "review.yaml", findings);
        EXPECT_TRUE(read) << (findings.empty() ? "" : findings.front().text());
        return read ? *read : nullptr;
    }
    static core::RequestId ask(TeamsOffice& office) {
        app::Caller caller{
            app::Token{.id = core::TokenId::mint(office.time.now(), rt::chance(office.entropy)),
                       .name = "ci",
                       .scopes = {app::Scope::request},
                       .owner = core::AccountId{"cat"},
                       .allow_actions = {},
                       .allow_environments = {},
                       .created_at = office.time.now(),
                       .expires_at = {},
                       .revoked_at = {},
                       .hint = {}}};
        app::Ask wanted;
        wanted.action = "restart";
        wanted.environment = "production";
        wanted.intent = "the site is down";
        auto filed = office.get(office.requests.open(caller, std::move(wanted), office.soon()));
        EXPECT_TRUE(filed) << (filed ? "" : filed.error().detail);
        return (*filed).now->c.request->id;
    }
    // Cat approves what cat asked for, with the button and the reason that it takes.
    static void break_glass(TeamsOffice& office, core::RequestId request, const std::string& card) {
        office.press("cat", card, "Approve");
        EXPECT_EQ(office.state(request), State::pending) << "it takes a reason";
        EXPECT_TRUE(has(office.seen_by("cat", card), "You are behind this request"))
            << office.seen_by("cat", card);
        office.press("cat", card, "Approve", "nobody else is awake");
        EXPECT_EQ(office.state(request), State::approved) << office.words_to("cat");
        office.pass(3s);
    }
};
INSTANTIATE_TEST_SUITE_P(Over, TeamsReview, test::each_transport, test::transport_name);

TEST_P(TeamsReview, TheCardAsksOthersAndItsButtonTakesWhatTheyFound) {
    TeamsOffice office{GetParam()};
    office.roster.set_policy(policy());
    auto request = ask(office);
    auto card = office.teams_card();
    break_glass(office, request, card);
    EXPECT_TRUE(has(office.shown(card), "To be reviewed")) << office.shown(card);
    EXPECT_TRUE(has(office.shown(card), "\"Review\"")) << office.shown(card);
    EXPECT_FALSE(has(office.shown(card), "\"Approve\"")) << office.shown(card);

    office.press("amy", card, "Review");
    EXPECT_EQ(office.entries(request), 2U) << "a review says what was found";
    office.press("cat", card, "Review", "all fine");
    EXPECT_EQ(office.entries(request), 2U) << "nobody reviews what they are behind";
    EXPECT_TRUE(has(office.seen_by("cat", card), "behind this request")) << office.seen_by("cat", card);

    office.press("amy", card, "Review", "called for, the pager log agrees");
    EXPECT_FALSE(office.read(request)->ruling.review->open());
    office.pass(5s);
    EXPECT_TRUE(has(office.shown(card), "the pager log agrees")) << office.shown(card);
    EXPECT_FALSE(has(office.shown(card), "\"Review\"")) << office.shown(card);
    bool told = false;
    for (const auto& message : *office.teams_messages().items())
        told = told ||
               (message["id"].text() != message["root"].text() && has(test::text_of(message), "pager log"));
    EXPECT_TRUE(told) << "the thread tells of it";
}

TEST_P(TeamsReview, WordsListWhatWaitsAndReviewIt) {
    TeamsOffice office{GetParam()};
    office.roster.set_policy(policy());
    auto request = ask(office);
    break_glass(office, request, office.teams_card());
    office.say("amy", "reviews");
    EXPECT_TRUE(has(office.told("amy"), "#1")) << office.told("amy");
    EXPECT_TRUE(has(office.told("amy"), "restart")) << office.told("amy");
    office.say("ben", "review 1");
    EXPECT_TRUE(has(office.told("ben"), "Say what you found")) << office.told("ben");
    EXPECT_EQ(office.entries(request), 2U);
    office.say("ben", "review #1 it was called for");
    office.pass(3s);
    EXPECT_FALSE(office.read(request)->ruling.review->open()) << office.told("ben");
    office.say("amy", "reviews");
    EXPECT_TRUE(has(office.told("amy"), "Nothing")) << office.told("amy");
}

TEST_P(TeamsReview, TheListReviewsByARowsButton) {
    TeamsOffice office{GetParam()};
    office.roster.set_policy(policy());
    auto request = ask(office);
    break_glass(office, request, office.teams_card());
    office.say("amy", "reviews");
    office.pass(2s);
    office.press("amy", office.last_to("amy"), "Review #1");
    EXPECT_TRUE(has(office.dialog_of("amy"), "Review request #1")) << office.dialog_of("amy");
    office.order("dialog",
                 Value::object({{"user", "amy"}, {"title", "Review"}, {"reason", "seen from the list"}}));
    office.pass(2s);
    EXPECT_FALSE(office.read(request)->ruling.review->open()) << office.told("amy");
}

}  // namespace
}  // namespace countersign::teams
