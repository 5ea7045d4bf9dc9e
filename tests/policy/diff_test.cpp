#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/core/match.hpp"

namespace countersign {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Direction = PolicyDifference::Direction;

std::shared_ptr<const core::Policy> policy_of(const std::string& rules) {
    std::vector<PolicyFinding> findings;
    auto policy =
        read_policy("version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}}\n" + rules,
                    "p.yaml", findings);
    EXPECT_TRUE(policy) << rules << (policy ? "" : policy.error().detail);
    return policy ? *policy : std::make_shared<const core::Policy>();
}

std::vector<std::string> sentences(const std::string& older, const std::string& newer, Direction direction) {
    std::vector<std::string> all;
    const auto before = policy_of(older);
    const auto after = policy_of(newer);
    for (const PolicyDifference& one : policy_differences(*before, *after, {})) {
        if (one.direction == direction) all.push_back(one.sentence);
        if (one.example.is_null()) continue;
        // Whatever is told can be seen with the example.
        auto worded = worded_request(one.example);
        EXPECT_TRUE(worded) << core::canonical(one.example);
        if (!worded) continue;
        auto was = core::match(*before, worded->request, std::nullopt, worded->request.created_at);
        auto is = core::match(*after, worded->request, std::nullopt, worded->request.created_at);
        EXPECT_NE(*was, *is) << one.sentence;
    }
    return all;
}
std::vector<std::string> easier(const std::string& older, const std::string& newer) {
    return sentences(older, newer, Direction::easier);
}
std::vector<std::string> harder(const std::string& older, const std::string& newer) {
    return sentences(older, newer, Direction::harder);
}

const std::string two_groups = "groups: {g: {people: [amy, ben]}, h: {people: [cat]}}\n";
const std::string two_of_g =
    two_groups +
    "rules: [{name: r, when: {action: db.export, environment: production}, require: {count: 2, of: g}}]\n";

TEST(PolicyDiff, TheSamePolicyIsNeitherEasierNorHarder) {
    EXPECT_THAT(easier(two_of_g, two_of_g), IsEmpty());
    EXPECT_THAT(harder(two_of_g, two_of_g), IsEmpty());
}

TEST(PolicyDiff, AskingForFewerPeopleIsEasierAndForMoreHarder) {
    const std::string one =
        two_groups +
        "rules: [{name: r, when: {action: db.export, environment: production}, require: {of: g}}]\n";
    EXPECT_THAT(easier(two_of_g, one), Contains("db.export in production: needs 1 of g instead of 2 of g"));
    EXPECT_THAT(harder(two_of_g, one), IsEmpty());
    EXPECT_THAT(harder(one, two_of_g), Contains("db.export in production: needs 2 of g instead of 1 of g"));
    EXPECT_THAT(easier(one, two_of_g), IsEmpty());
}

TEST(PolicyDiff, AnotherGroupIsBothEasierAndHarder) {
    const std::string other =
        two_groups +
        "rules: [{name: r, when: {action: db.export, environment: production}, require: {of: h}}]\n";
    EXPECT_THAT(easier(two_of_g, other), Contains(HasSubstr("needs 1 of h instead of 2 of g")));
    EXPECT_THAT(harder(two_of_g, other), Contains(HasSubstr("needs 1 of h instead of 2 of g")));
}

TEST(PolicyDiff, ABoundThatMovedIsFoundAtItsOwnValues) {
    auto above = [](const char* rows) {
        return two_groups +
               "default: allow\nrules: [{name: r, when: {action: x, parameters.rows: {gt: " + rows +
               "}}, require: {of: g}}]\n";
    };
    EXPECT_THAT(easier(above("1000"), above("5000")), Contains("x: allowed instead of needs 1 of g"));
    EXPECT_THAT(harder(above("1000"), above("5000")), IsEmpty());
    EXPECT_THAT(harder(above("5000"), above("1000")), Contains("x: needs 1 of g instead of allowed"));
}

TEST(PolicyDiff, ANewExceptionIsEasier) {
    const std::string rule =
        two_groups + "default: allow\nrules: [{name: r, when: {action: x}, require: {of: g}";
    EXPECT_THAT(easier(rule + "}]\n",
                       rule + ", unless: {labels.small: 'yes', parameters.plan.types: {every: [a]}}}]\n"),
                Contains("x: allowed instead of needs 1 of g"));
}

TEST(PolicyDiff, TermsAndMembersAreLookedAtToo) {
    const std::string rule = two_groups + "rules: [{name: r, when: {action: x}, require: {of: g}";
    for (const auto& [terms, sentence] : std::vector<std::pair<std::string, std::string>>{
             {", grant: 1h", "may be claimed for 1h instead of 15m"},
             {", unlinked: allow", "voters need not be shown"},
             {", self_approval: {allow: [amy]}", "more people may approve what they ask for themselves"},
             {", deny: {count: 2, of: g}", "one denial no longer ends it"}})
        EXPECT_THAT(easier(rule + "}]\n", rule + terms + "}]\n"), Contains(HasSubstr(sentence))) << terms;
    for (const char* terms :
         {", reason: required", ", exclude: [labels.author]", ", claim: {not_before: 5m}"}) {
        EXPECT_THAT(easier(rule + terms + "}]\n", rule + "}]\n"), Not(IsEmpty())) << terms;
        EXPECT_THAT(easier(rule + "}]\n", rule + terms + "}]\n"), IsEmpty()) << terms;
    }
    const std::string more = "groups: {g: {people: [amy, ben, cat]}, h: {people: [cat]}}\n";
    EXPECT_THAT(easier(two_groups, more), Contains("cat is in group g"));
    EXPECT_THAT(harder(more, two_groups), Contains("cat is no longer in group g"));
}

// What a rule refuses a request for not saying must not keep everything else of the rule out of sight.
TEST(PolicyDiff, RulesThatNeedAResourceAuthorsOwnersOrManagersAreSeenThrough) {
    auto with = [](const std::string& terms, const std::string& rows, const std::string& who) {
        return two_groups + "rules: [{name: r, when: {action: x, parameters.rows: {gt: " + rows +
               ", missing: holds}}, require: " + who + terms +
               "}, {name: s, when: {action: x, requester.name: ci}, allow: true}]\n";
    };
    for (const char* terms :
         {", confirm: resource", ", exclude: [{github: 'parameters.authors[*]'}]",
          ", exclude: [labels.author]", ", confirm: resource, exclude: [{github: parameters.author}]"})
        EXPECT_THAT(easier(with(terms, "100", "{of: g}"), with(terms, "1000", "{of: g}")),
                    Contains("x: allowed instead of needs 1 of g"))
            << terms;
    EXPECT_THAT(easier(with("", "100", "{of: '{labels.team}', one_of: [g, h]}"),
                       with("", "1000", "{of: '{labels.team}', one_of: [g, h]}")),
                Contains("x: allowed instead of needs 1 of g"));
    EXPECT_THAT(
        easier(with("", "100", "{of_requester: {amy: h}}"), with("", "1000", "{of_requester: {amy: h}}")),
        Contains("x: allowed instead of needs 1 of h"));
}

TEST(PolicyDiff, ClocksAccountsHoldsAndDenialsAreLookedAt) {
    const std::string clock =
        two_groups +
        "rules: [{name: r, when: {action: x, time.weekday: [sat, sun]}, refuse: x}, {name: s, when: {action: "
        "x, requester.name: ci}, allow: true}]\ntimezone: ";
    EXPECT_THAT(easier(clock + "UTC\n", clock + "Asia/Tokyo\n"), Contains("x: allowed instead of refused"));
    const std::string rule = two_groups + "rules: [{name: r, when: {action: x}, require: {of: g}";
    EXPECT_THAT(easier(rule + "}]\n", rule + ", hold: {release: h}}]\n"),
                Contains("x: more people may release a hold"));
    EXPECT_THAT(easier(rule + "}]\n", rule + ", hide: /parameters/x}]\n"),
                Contains("x: more may be hidden from whoever approves"));
    EXPECT_THAT(easier(two_groups + "rules: [{name: r, require: {then: [{of: g}, {of: h}]}}]\n",
                       two_groups + "rules: [{name: r, require: {all: [{of: g}, {of: h}]}}]\n"),
                Contains(HasSubstr("approvals need not come one after the other")));
    EXPECT_THAT(easier(rule + ", deny: {count: 1, of: g}}]\n", rule + ", deny: {count: 2, of: g}}]\n"),
                Contains("x: it takes more to deny it"));

    auto people = [](const std::string& who) {
        std::vector<PolicyFinding> findings;
        return *read_policy("version: 1\npeople: {" + who + "}\n", "p.yaml", findings);
    };
    auto told = [&](const std::string& older, const std::string& newer) {
        std::vector<std::string> all;
        for (const PolicyDifference& one : policy_differences(*people(older), *people(newer), {}))
            if (one.direction == Direction::easier) all.push_back(one.sentence);
        return all;
    };
    EXPECT_THAT(told("amy: {slack: U1}", "amy: {slack: U2}"),
                testing::ElementsAre("slack:U2 is an account of amy",
                                     "slack:U1 is no longer amy's, and counts as somebody else"));
    EXPECT_THAT(told("amy: {slack: U1}, ben: {slack: U2}", "amy: {slack: U2}, ben: {slack: U1}"),
                testing::SizeIs(2));
    EXPECT_THAT(told("amy: {slack: U1}", "amy: {slack: U1}, ben: {slack: U2}"), IsEmpty());
}

TEST(PolicyDiff, AGroupOfAChatThatIsAnotherOneIsTold) {
    auto with = [](const std::string& group) {
        return "groups: {g: {" + group + "}}\nrules: [{name: r, when: {action: x}, require: {of: g}}]\n";
    };
    const std::string chat = with("slack_usergroup: S0A");
    EXPECT_THAT(easier(chat, chat), IsEmpty());
    EXPECT_THAT(easier(chat, with("slack_usergroup: S0B")),
                testing::ElementsAre("group g is slack S0B instead of slack S0A, so others may be in it"));
    EXPECT_THAT(easier(chat, with("people: [amy, ben]")),
                testing::ElementsAre("group g is amy, ben instead of slack S0A, so others may be in it"));
    auto made = [](const std::string& group) {
        return "groups: {c: {slack_usergroup: S0A}, g: {" + group +
               "}}\nrules: [{name: r, when: {action: x}, require: {all: [{of: c}, {of: g}]}}]\n";
    };
    EXPECT_THAT(easier(made("any: [c, amy], except: [ben]"), made("any: [c, amy]")),
                testing::ElementsAre(
                    "group g is any of c, amy instead of any of c, amy without ben, so others may be in it"));
}

TEST(PolicyDiff, AnIdIsOfTheSentenceAlone) {
    const std::string one =
        two_groups +
        "rules: [{name: s, when: {action: db.export, environment: production}, require: {of: g}}]\n";
    const auto differences = policy_differences(*policy_of(two_of_g), *policy_of(one), {});
    ASSERT_FALSE(differences.empty());
    EXPECT_EQ(differences[0].id.size(), 8U);
    EXPECT_EQ(differences[0].id, policy_differences(*policy_of(two_of_g), *policy_of(one), {})[0].id);
}

TEST(PolicyMatrix, TellsWhatIsAskedOfEachActionAndEnvironment) {
    const auto rows = policy_matrix(*policy_of(two_of_g), {});
    auto row = std::ranges::find_if(rows, [](const PolicyMatrixRow& one) {
        return one.environment == "production" && one.action == "db.export";
    });
    ASSERT_NE(row, rows.end());
    EXPECT_THAT(row->outcomes, testing::ElementsAre("needs 2 of g"));
    auto without = std::ranges::find_if(rows, [](const PolicyMatrixRow& one) {
        return one.environment.empty() && one.action == "db.export";
    });
    ASSERT_NE(without, rows.end());
    EXPECT_THAT(without->outcomes, testing::ElementsAre("refused"));
}

}  // namespace
}  // namespace countersign
