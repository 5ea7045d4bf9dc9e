#include "identity/issuer.hpp"

namespace countersign::test {
namespace {

using core::AccountId;
using identity::IssuerKind;
using identity::kind_of_issuer;
using identity::problem_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Makes tokens of several CI systems, all from the one issuer in memory.
struct Kinds : IssuerTest {
    void trust_as(IssuerKind kind, std::vector<std::string> humans = {}) {
        auto issuer = settings();
        issuer.kind = kind;
        issuer.humans = std::move(humans);
        trust(issuer);
    }
    app::Workload told(const Value& all) {
        auto workload = identify_claims(all);
        EXPECT_TRUE(workload) << workload.error().detail;
        return workload ? *workload : app::Workload{};
    }
    Value github(std::initializer_list<Value::Member> more = {}) const {
        auto all = claims({{"sub", "repo:octo-org/octo-repo:environment:production"},
                           {"repository", "octo-org/octo-repo"},
                           {"repository_id", "456789"},
                           {"repository_owner_id", "123456"},
                           {"actor", "Octocat"},
                           {"actor_id", "583231"},
                           {"event_name", "workflow_dispatch"},
                           {"ref", "refs/heads/main"},
                           {"environment", "production"},
                           {"run_id", "16203440012"},
                           {"run_attempt", "1"}});
        for (const auto& [name, value] : more) all.set(name, value);
        return all;
    }
    Value gitlab(std::initializer_list<Value::Member> more = {}) const {
        auto all = claims({{"sub", "project_path:group/project:ref_type:branch:ref:main"},
                           {"project_id", "22"},
                           {"project_path", "group/project"},
                           {"namespace_id", "72"},
                           {"user_id", "5"},
                           {"user_login", "riley"},
                           {"user_email", "Riley@Example.com"},
                           {"pipeline_id", "574"},
                           {"ref_protected", "true"}});
        for (const auto& [name, value] : more) all.set(name, value);
        return all;
    }
};

TEST_F(Kinds, AGitHubRunIsItsAttemptAndItsActorIsBehindIt) {
    trust_as(IssuerKind::github);
    auto run = told(github());
    EXPECT_EQ(run.name, "octo-org/octo-repo");
    EXPECT_EQ(run.run, "16203440012/1");
    EXPECT_THAT(run.humans, ElementsAre(AccountId{"github:octocat"}));
    EXPECT_EQ(run.claims["repository_id"].text(), "456789");
}

TEST_F(Kinds, BothFormsOfAGitHubSubjectSayTheSame) {
    trust_as(IssuerKind::github);
    auto old_form = told(github());
    auto new_form = told(github({{"sub", "repo:octo-org@123456/octo-repo@456789:environment:production"}}));
    auto custom = told(github({{"sub", "repository_owner:somebody-else:job_workflow_ref:x"}}));
    for (const auto* one : {&new_form, &custom}) {
        EXPECT_EQ(one->name, old_form.name);
        EXPECT_EQ(one->run, old_form.run);
        EXPECT_EQ(one->humans, old_form.humans);
    }
}

TEST_F(Kinds, AGitHubReRunHasAHumanBehindItWhomTheTokenDoesNotName) {
    trust_as(IssuerKind::github);
    auto again = told(github({{"run_attempt", "2"}}));
    EXPECT_EQ(again.run, "16203440012/2");
    ASSERT_EQ(again.humans.size(), 2U);
    EXPECT_EQ(again.humans[0], AccountId{"github:octocat"});
    EXPECT_THAT(again.humans[1].text(), HasSubstr("whoever started attempt 2 of run 16203440012"));
    EXPECT_EQ(told(github({{"run_attempt", 2}})).humans.size(), 2U);  // as a number
}

TEST_F(Kinds, AReRunKeepsItsUnknownHumanWhereSettingsNameTheOther) {
    trust_as(IssuerKind::github, {"email:{actor}@example.com"});
    auto again = told(github({{"run_attempt", "3"}}));
    ASSERT_EQ(again.humans.size(), 2U);
    EXPECT_THAT(again.humans[0].text(), HasSubstr("attempt 3"));
    EXPECT_EQ(again.humans[1], AccountId{"email:octocat@example.com"});
}

TEST_F(Kinds, AGitHubTokenWithoutItsAttemptIsRefused) {
    trust_as(IssuerKind::github);
    EXPECT_EQ(refusal(without(github(), "run_attempt")), "oidc_claims");
    EXPECT_EQ(refusal(without(github(), "run_id")), "oidc_claims");
    EXPECT_EQ(refusal(without(github(), "repository")), "oidc_claims");
}

TEST_F(Kinds, ATokenThatDoesNotSayWhoAndWhyIsRefused) {
    trust_as(IssuerKind::github);
    EXPECT_EQ(refusal(without(github(), "actor")), "oidc_claims");
    EXPECT_EQ(refusal(without(github(), "event_name")), "oidc_claims");
    for (const char* claim : {"actor", "event_name"}) {
        EXPECT_EQ(refusal(github({{claim, ""}})), "oidc_claims");
        EXPECT_EQ(refusal(github({{claim, Value{}}})), "oidc_claims");
        EXPECT_EQ(refusal(github({{claim, Value::object()}})), "oidc_claims");
    }
    EXPECT_EQ(refusal(github({{"actor", "octo cat"}})), "oidc_claims");
    trust_as(IssuerKind::github, {"email:{actor}@example.com"});
    EXPECT_EQ(refusal(without(github(), "actor")), "oidc_claims");
    trust_as(IssuerKind::gitlab);
    EXPECT_EQ(refusal(without(gitlab(), "user_id")), "oidc_claims");
    EXPECT_EQ(refusal(gitlab({{"user_id", ""}})), "oidc_claims");
    trust_as(IssuerKind::circleci);
    for (const char* sub : {"org/O/project/P/user/", "org/O/project/P/user//vcs-origin/x", "org/O/project/P"})
        EXPECT_EQ(refusal(claims({{"sub", sub}, {"oidc.circleci.com/project-id", "p1"}})), "oidc_claims")
            << sub;
}

TEST_F(Kinds, AGitHubActorIsKnownByTheirNumberToo) {
    trust_as(IssuerKind::github);
    auto run = told(github());
    ASSERT_EQ(run.numbered.size(), 1U);
    EXPECT_EQ(run.numbered[0].number, AccountId{"oidc:https://issuer.example.com|actor:583231"});
    EXPECT_EQ(run.numbered[0].name, AccountId{"github:octocat"});
    EXPECT_TRUE(told(github({{"actor", "dependabot[bot]"}})).numbered.empty());
    trust_as(IssuerKind::github, {"email:{actor}@example.com"});
    EXPECT_EQ(told(github()).numbered.at(0).name, std::nullopt);
}

TEST_F(Kinds, ClaimsThatMakeNoAccountAreRefused) {
    trust_as(IssuerKind::generic, {"slack:{slack}"});
    EXPECT_EQ(refusal(claims({{"slack", "T0SIM/U0RILEY"}})), "believed");
    for (const char* slack : {"T0SIM/u0riley", "U0 RILEY", "T0SIM/U0RILEY/x", "U0RILEY "})
        EXPECT_EQ(refusal(claims({{"slack", slack}})), "oidc_claims") << slack;
}

TEST_F(Kinds, GitHubEventsThatRunAForksCodeWithOurRightsAreRefused) {
    trust_as(IssuerKind::github);
    EXPECT_EQ(refusal(github({{"event_name", "pull_request_target"}})), "oidc_event");
    EXPECT_EQ(refusal(github({{"event_name", "workflow_run"}})), "oidc_event");
    EXPECT_EQ(refusal(github({{"event_name", "pull_request"}})), "believed");
}

TEST_F(Kinds, AGitHubBotIsNoHuman) {
    trust_as(IssuerKind::github);
    EXPECT_THAT(told(github({{"actor", "dependabot[bot]"}})).humans, IsEmpty());
}

TEST_F(Kinds, AGitLabJobIsItsPipelineAndItsUserIsBehindIt) {
    trust_as(IssuerKind::gitlab);
    auto job = told(gitlab());
    EXPECT_EQ(job.name, "group/project");
    EXPECT_EQ(job.run, "574/5");
    EXPECT_THAT(job.humans, ElementsAre(AccountId{"oidc:https://issuer.example.com|user:5"}));
}

TEST_F(Kinds, AGitLabAddressNamesSomebodyOnlyWhereSettingsSaySo) {
    trust_as(IssuerKind::gitlab, {"email:{user_email}"});
    EXPECT_THAT(told(gitlab()).humans, ElementsAre(AccountId{"email:riley@example.com"}));
}

TEST_F(Kinds, AGitLabJobForAForksMergeRequestIsRefused) {
    trust_as(IssuerKind::gitlab);
    EXPECT_EQ(refusal(gitlab({{"job_project_id", "22"}})), "believed");
    EXPECT_EQ(refusal(gitlab({{"job_project_id", "23"}})), "oidc_fork");
    EXPECT_EQ(refusal(gitlab({{"source_project_id", "99"}})), "oidc_fork");
    EXPECT_EQ(refusal(without(gitlab({{"job_project_id", "22"}}), "project_id")), "oidc_fork");
}

TEST_F(Kinds, ACircleCiUserIsTakenFromBothFormsOfTheSubject) {
    trust_as(IssuerKind::circleci);
    auto circle = [&](std::string sub) {
        return claims({{"sub", std::move(sub)},
                       {"oidc.circleci.com/project-id", "p1"},
                       {"oidc.circleci.com/workflow-id", "w1"}});
    };
    auto first = told(circle("org/O/project/P/user/U"));
    EXPECT_EQ(first.name, "p1");
    EXPECT_EQ(first.run, "w1");
    EXPECT_THAT(first.humans, ElementsAre(AccountId{"oidc:https://issuer.example.com|user:U"}));
    auto second = told(circle("org/O/project/P/user/U/vcs-origin/github.com/o/r/vcs-ref/refs/heads/user/x"));
    EXPECT_EQ(second.humans, first.humans);
    EXPECT_EQ(refusal(circle("org/O/project/P")), "oidc_claims");
    auto ssh = circle("org/O/project/P/user/U");
    ssh.set("oidc.circleci.com/ssh-rerun", true);
    EXPECT_EQ(refusal(ssh), "oidc_ssh_rerun");
}

TEST_F(Kinds, ABuildkiteBuildNamesNoHuman) {
    trust_as(IssuerKind::buildkite);
    auto all = claims({{"organization_slug", "acme"},
                       {"pipeline_slug", "deploy"},
                       {"build_number", 12},
                       {"step_key", Value{}}});
    auto build = told(all);
    EXPECT_EQ(build.name, "acme/deploy");
    EXPECT_EQ(build.run, "acme/deploy/12");
    EXPECT_THAT(build.humans, IsEmpty());
    EXPECT_EQ(refusal(without(all, "build_number")), "oidc_claims");
}

TEST_F(Kinds, AKubernetesPodIsItsServiceAccountAndItsUid) {
    trust_as(IssuerKind::kubernetes);
    auto all = claims(
        {{"aud", Value::Array{our_audience}},
         {"sub", "system:serviceaccount:prod:deployer"},
         {"kubernetes.io", Value::object({{"namespace", "prod"},
                                          {"pod", Value::object({{"name", "x"}, {"uid", "u-1"}})},
                                          {"serviceaccount", Value::object({{"name", "deployer"}})}})}});
    auto pod = told(all);
    EXPECT_EQ(pod.name, "prod/deployer");
    EXPECT_EQ(pod.run, "u-1");
    EXPECT_EQ(pod.claims["kubernetes_io"]["namespace"].text(), "prod");
    EXPECT_EQ(refusal(without(all, "kubernetes.io")), "oidc_claims");
}

TEST_F(Kinds, ATerraformRunIsItsWorkspace) {
    trust_as(IssuerKind::terraform);
    auto all = claims({{"terraform_full_workspace", "organization:o:project:p:workspace:w"},
                       {"terraform_run_id", "run-1"},
                       {"terraform_run_phase", "apply"}});
    auto run = told(all);
    EXPECT_EQ(run.name, "organization:o:project:p:workspace:w");
    EXPECT_EQ(run.run, "run-1");
    EXPECT_EQ(refusal(without(all, "terraform_run_id")), "oidc_claims");
}

TEST_F(Kinds, ARunWithAnEndlessNameIsRefused) {
    trust_as(IssuerKind::github);
    EXPECT_EQ(refusal(github({{"run_id", std::string(300, '1')}})), "oidc_claims");
}

TEST(IssuerSettings, AreKnownByTheirUrl) {
    EXPECT_EQ(kind_of_issuer("https://token.actions.githubusercontent.com"), IssuerKind::github);
    EXPECT_EQ(kind_of_issuer("https://token.actions.githubusercontent.com/octo-ent"), IssuerKind::github);
    EXPECT_EQ(kind_of_issuer("https://token.actions.acme.ghe.com"), IssuerKind::github);
    EXPECT_EQ(kind_of_issuer("https://github.acme.example/_services/token"), IssuerKind::github);
    EXPECT_EQ(kind_of_issuer("https://token.actions.githubusercontent.com.evil.example"),
              IssuerKind::generic);
    EXPECT_EQ(kind_of_issuer("https://gitlab.com"), IssuerKind::gitlab);
    EXPECT_EQ(kind_of_issuer("https://oidc.circleci.com/org/5b6d"), IssuerKind::circleci);
    EXPECT_EQ(kind_of_issuer("https://agent.buildkite.com"), IssuerKind::buildkite);
    EXPECT_EQ(kind_of_issuer("https://app.terraform.io"), IssuerKind::terraform);
    EXPECT_EQ(kind_of_issuer("https://issuer.example.com"), IssuerKind::generic);
}

TEST(IssuerSettings, OfASharedIssuerSayWhoseTokensAreMeant) {
    identity::Issuer shared{.issuer = "https://token.actions.githubusercontent.com",
                            .audience = "https://approvals.example.com",
                            .kind = IssuerKind::github,
                            .jwks_uri = {},
                            .jwks = {},
                            .claims = {},
                            .humans = {},
                            .run = {}};
    auto problem = [](const identity::Issuer& issuer) { return problem_of(issuer).value_or(""); };
    EXPECT_THAT(problem(shared), HasSubstr("repository_owner_id"));
    shared.claims = {{"repository", {"octo-org/*"}}};  // others can register a name again
    EXPECT_THAT(problem(shared), HasSubstr("repository_owner_id"));
    shared.claims = {{"repository_owner_id", {"*"}}};
    EXPECT_THAT(problem(shared), HasSubstr("repository_owner_id"));
    shared.claims = {{"repository_owner_id", {"123456"}}};
    EXPECT_EQ(problem(shared), "");
    shared.issuer = "https://token.actions.githubusercontent.com/octo-ent";
    shared.claims = {};
    EXPECT_EQ(problem(shared), "");
}

TEST(IssuerSettings, NameHumansByAKindOfAccount) {
    identity::Issuer issuer{.issuer = "https://issuer.example.com",
                            .audience = "us",
                            .jwks_uri = {},
                            .jwks = {},
                            .claims = {},
                            .humans = {"email:{email}", "slack:T0SIM/{slack}"},
                            .run = {}};
    EXPECT_EQ(problem_of(issuer), std::nullopt);
    for (const char* pattern : {"{email}", "mail:{email}", ":{email}", ""}) {
        issuer.humans = {pattern};
        EXPECT_THAT(problem_of(issuer).value_or(""), HasSubstr("humans")) << pattern;
    }
}

TEST(IssuerSettings, OfWhichHostsKeysMayBeInTheHouse) {
    identity::Issuer issuer{.issuer = "https://gitlab.internal",
                            .audience = "us",
                            .jwks_uri = "http://127.0.0.1:8080/keys",
                            .jwks = {},
                            .claims = {},
                            .humans = {},
                            .run = {}};
    EXPECT_THAT(identity::named_hosts({issuer}), ElementsAre("gitlab.internal", "127.0.0.1"));
}

TEST(IssuerSettings, NeedAnAudienceAndKeysOverTls) {
    identity::Issuer issuer{.issuer = "https://issuer.example.com",
                            .audience = "us",
                            .jwks_uri = {},
                            .jwks = {},
                            .claims = {},
                            .humans = {},
                            .run = {}};
    auto problem = [](const identity::Issuer& one) { return problem_of(one).value_or(""); };
    EXPECT_EQ(problem(issuer), "");
    auto wrong = issuer;
    wrong.audience.clear();
    EXPECT_THAT(problem(wrong), HasSubstr("audience"));
    wrong = issuer;
    wrong.issuer = "http://issuer.example.com";
    EXPECT_THAT(problem(wrong), HasSubstr("https"));
    wrong.jwks_uri = "http://127.0.0.1:8080/keys";
    EXPECT_EQ(problem(wrong), "");
    wrong.jwks_uri = {};
    wrong.jwks = "{}";
    EXPECT_THAT(problem(wrong), HasSubstr("jwks_file"));
    wrong.jwks = R"({"keys":[]})";
    EXPECT_THAT(problem(wrong), HasSubstr("without a key"));
    wrong.jwks = core::canonical(golden()["jwks"]);
    EXPECT_EQ(problem(wrong), "");
    wrong.issuer = std::string(301, 'i');
    EXPECT_THAT(problem(wrong), HasSubstr("300 bytes"));
}

}  // namespace
}  // namespace countersign::test
