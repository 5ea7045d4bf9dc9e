#include "identity/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/tokens/issuer_keys.hpp"
#include "countersign/wire/jose.hpp"

namespace countersign::identity {
namespace {

using app::Workload;
using core::AccountId;
using core::Value;

constexpr std::size_t issuer_bytes_max = 300;
constexpr std::size_t run_bytes_max = 256;
constexpr std::size_t name_bytes_max = 200;

struct KindTraits {
    IssuerKind kind;
    std::string_view name;
    std::string_view issuer;  // of the service that everybody shares; empty where there is none
    // These claims name a token's owner by something that others cannot register again. One of them has to be
    // among the rules for the shared issuer, or the whole world could call.
    std::array<std::string_view, 3> owners;
};
constexpr std::array<KindTraits, 7> kinds{
    {{IssuerKind::generic, "generic", "", {}},
     {IssuerKind::github,
      "github",
      "https://token.actions.githubusercontent.com",
      {"repository_owner_id", "repository_id", "enterprise_id"}},
     {IssuerKind::gitlab, "gitlab", "https://gitlab.com", {"namespace_id", "project_id", "root_group_id"}},
     {IssuerKind::kubernetes, "kubernetes", "", {}},
     {IssuerKind::buildkite,
      "buildkite",
      "https://agent.buildkite.com",
      {"organization_slug", "organization_id", "pipeline_id"}},
     {IssuerKind::circleci, "circleci", "", {}},
     {IssuerKind::terraform,
      "terraform",
      "https://app.terraform.io",
      {"terraform_organization_id", "terraform_workspace_id", "terraform_project_id"}}}};

std::unexpected<Failure> distrusted(std::string detail, std::string code) {
    return fail(Trouble::forbidden, std::move(detail), std::move(code));
}

AccountId account_at(const Issuer& issuer, std::string_view what) {
    return AccountId{"oidc:" + issuer.issuer + "|" + std::string(what)};
}

// ---- GitHub Actions. The `sub` is never taken apart: it has two forms (with and without the ids of owner
// and repository) and can be made of any claims.

Result<Done> describe_github(const Issuer& issuer, Workload& workload) {
    const Value& claims = workload.claims;
    auto event = claim_text(claims, "event_name");
    if (event == "pull_request_target" || event == "workflow_run")
        return distrusted(
            "a workflow started by " + event +
                " runs with the repository's rights on what a fork wrote: file the request from a "
                "workflow with another trigger",
            "oidc_event");
    auto run = claim_text(claims, "run_id");
    auto attempt = claim_text(claims, "run_attempt");
    workload.name = claim_text(claims, "repository");
    if (run.empty() || attempt.empty() || workload.name.empty())
        return distrusted("the token lacks run_id, run_attempt or repository, which GitHub's have",
                          "oidc_claims");
    workload.run = run + "/" + attempt;
    auto actor = claim_text(claims, "actor");
    // Without them nothing would be refused that a stranger started, and nobody kept from approving their
    // own.
    if (event.empty() || actor.empty())
        return distrusted("the token lacks event_name or actor, which GitHub's have", "oidc_claims");
    if (!actor.ends_with("[bot]")) {
        std::optional<AccountId> login;
        if (issuer.humans.empty()) {
            auto account = core::read_account("github:" + actor);
            if (!account)
                return distrusted("the token's actor is no login: " + account.error().detail, "oidc_claims");
            login = workload.humans.emplace_back(std::move(*account));
        }
        auto number = claim_text(claims, "actor_id");
        if (!number.empty())
            workload.numbered.push_back({account_at(issuer, "actor:" + number), std::move(login)});
    }
    // The token does not say who pressed "re-run": `actor` stays who started the first attempt.
    if (attempt != "1")
        workload.humans.push_back(
            account_at(issuer, fmt::format("whoever started attempt {} of run {}", attempt, run)));
    return Done{};
}

// ---- GitLab. `project_*` and `sub` name the fork for a fork's merge request, `job_project_*` the project
// whose runners work.

Result<Done> describe_gitlab(const Issuer& issuer, Workload& workload) {
    const Value& claims = workload.claims;
    auto project = claim_text(claims, "project_id");
    auto job_project = claim_text(claims, "job_project_id");
    bool fork = !job_project.empty() && job_project != project;
    auto source = claim_text(claims, "source_project_id");
    fork = fork || (!source.empty() && source != project);
    if (fork)
        return distrusted(
            "this job runs for a fork of the project: file the request from a pipeline of its own",
            "oidc_fork");
    workload.name = claim_text(claims, "project_path");
    auto pipeline = claim_text(claims, "pipeline_id");
    auto user = claim_text(claims, "user_id");
    if (project.empty() || pipeline.empty() || workload.name.empty() || user.empty())
        return distrusted(
            "the token lacks project_id, project_path, pipeline_id or user_id, which GitLab's have",
            "oidc_claims");
    // Different people may start jobs of one pipeline, and what one of them may claim another may not.
    workload.run = pipeline + "/" + user;
    // Users can change their names and addresses, but not their id.
    if (issuer.humans.empty()) workload.humans.push_back(account_at(issuer, "user:" + user));
    return Done{};
}

// ---- CircleCI. The user is a UUID at the end of `sub`: "org/O/project/P/user/U", with more behind it in the
// second form. A job that was re-run with SSH has a person at its keyboard.

Result<Done> describe_circleci(const Issuer& issuer, Workload& workload, const std::string& subject) {
    const Value& claims = workload.claims;
    if (claim_text(claims, "oidc_circleci_com/ssh-rerun") == "true")
        return distrusted("somebody is logged in to this job over SSH: run it again without",
                          "oidc_ssh_rerun");
    constexpr std::string_view before_user = "/user/";
    auto at = subject.find(before_user);
    if (at == std::string::npos)
        return distrusted("the token's sub names no user, which CircleCI's do", "oidc_claims");
    auto user = subject.substr(at + before_user.size());
    user = user.substr(0, user.find('/'));
    if (user.empty()) return distrusted("the token's sub names no user, which CircleCI's do", "oidc_claims");
    workload.name = claim_text(claims, "oidc_circleci_com/vcs-origin");
    if (workload.name.empty()) workload.name = claim_text(claims, "oidc_circleci_com/project-id");
    workload.run = claim_text(claims, "oidc_circleci_com/workflow-id");
    if (issuer.humans.empty()) workload.humans.push_back(account_at(issuer, "user:" + user));
    return Done{};
}

Result<Done> describe_buildkite(Workload& workload) {
    const Value& claims = workload.claims;
    auto build = claim_text(claims, "build_id");
    if (build.empty()) build = claim_text(claims, "build_number");
    workload.name = claim_text(claims, "organization_slug") + "/" + claim_text(claims, "pipeline_slug");
    if (build.empty() || workload.name.size() < 2)
        return distrusted("the token lacks the build's number or its pipeline, which Buildkite's have",
                          "oidc_claims");
    workload.run = workload.name + "/" + build;
    return Done{};
}

Result<Done> describe_kubernetes(Workload& workload) {
    const Value& claims = workload.claims;
    auto account = claim_text(claims, "kubernetes_io.serviceaccount.name");
    auto space = claim_text(claims, "kubernetes_io.namespace");
    if (account.empty() || space.empty())
        return distrusted(
            "the token is not one projected into a pod (it lacks kubernetes.io): the pod needs a volume with "
            "a serviceAccountToken for our audience",
            "oidc_claims");
    workload.name = space + "/" + account;
    workload.run = claim_text(claims, "kubernetes_io.pod.uid");
    return Done{};
}

Result<Done> describe_terraform(Workload& workload) {
    workload.name = claim_text(workload.claims, "terraform_full_workspace");
    if (workload.name.empty())
        workload.name = claim_text(workload.claims, "terraform_organization_name") + "/" +
                        claim_text(workload.claims, "terraform_workspace_name");
    workload.run = claim_text(workload.claims, "terraform_run_id");
    if (workload.run.empty())
        return distrusted("the token lacks terraform_run_id, which HCP Terraform's have", "oidc_claims");
    return Done{};
}

// Fills a pattern such as "email:{email}" with the claims; empty where one of them is not there.
std::string filled(std::string_view pattern, const Value& claims) {
    std::string out;
    while (!pattern.empty()) {
        auto open = pattern.find('{');
        out += pattern.substr(0, open);
        if (open == std::string_view::npos) break;
        auto close = pattern.find('}', open);
        if (close == std::string_view::npos) return {};
        auto text = claim_text(claims, pattern.substr(open + 1, close - open - 1));
        if (text.empty()) return {};
        out += text;
        pattern.remove_prefix(close + 1);
    }
    return out;
}

}  // namespace

std::string_view name_of(IssuerKind kind) {
    for (const auto& known : kinds)
        if (known.kind == kind) return known.name;
    return "generic";
}

std::optional<IssuerKind> parse_issuer_kind(std::string_view name) {
    for (const auto& known : kinds)
        if (known.name == name) return known.kind;
    return std::nullopt;
}

IssuerKind kind_of_issuer(std::string_view issuer) {
    for (const auto& known : kinds) {
        bool within = !known.issuer.empty() &&
                      (issuer == known.issuer || issuer.starts_with(std::string(known.issuer) + "/"));
        if (within) return known.kind;
    }
    bool tenant = issuer.starts_with("https://token.actions.") && issuer.ends_with(".ghe.com");
    if (tenant || issuer.ends_with("/_services/token")) return IssuerKind::github;
    if (issuer.starts_with("https://oidc.circleci.com/org/")) return IssuerKind::circleci;
    return IssuerKind::generic;
}

std::optional<std::string> problem_of(const Issuer& issuer) {
    if (issuer.issuer.empty() || issuer.issuer.size() > issuer_bytes_max)
        return "needs `issuer`, as its tokens have it in `iss`, of at most 300 bytes";
    if (issuer.audience.empty()) return "needs an audience: the URL that workloads ask a token for";
    bool given = !issuer.jwks.empty();
    if (given) {
        auto keys = wire::read_key_set(issuer.jwks);
        if (!keys) return "has a jwks_file that is " + keys.error().detail;
        if (keys->empty()) return "has a jwks_file without a key that RS256, ES256 or EdDSA could use";
    } else if (!tokens::private_enough(issuer.jwks_uri.empty() ? issuer.issuer : issuer.jwks_uri)) {
        return "needs an https URL to fetch keys from: as `issuer`, or beside it as `jwks_uri`; keys that "
               "cannot be fetched are given as `jwks_file`";
    }
    for (const auto& pattern : issuer.humans) {
        auto kind = pattern.substr(0, std::min(pattern.find(':'), pattern.size()));
        if (std::ranges::find(core::account_kinds(), kind) == core::account_kinds().end())
            return fmt::format("names its humans by `{}`, which begins with none of {} and a colon", pattern,
                               join(core::account_kinds(), ", "));
    }
    for (const auto& known : kinds) {
        bool shared =
            !known.issuer.empty() && (issuer.issuer == known.issuer || known.kind == IssuerKind::buildkite);
        if (known.kind != issuer.kind || !shared) continue;
        bool owned = std::ranges::any_of(issuer.claims, [&](const ClaimRule& rule) {
            bool wide = std::ranges::any_of(rule.any_of, [](const auto& glob) { return glob.contains('*'); });
            return !wide && std::ranges::find(known.owners, rule.claim) != known.owners.end();
        });
        if (owned) continue;
        return fmt::format(
            "gives tokens to everybody who uses it: say under `claims` whose are meant, by {}, {} or {} "
            "(without *)",
            known.owners[0], known.owners[1], known.owners[2]);
    }
    return std::nullopt;
}

Result<Value> nameable(const Value& claims) {
    constexpr std::array<std::string_view, 5> of_the_token{"exp", "nbf", "iat", "jti", "aud"};
    Value copy = Value::object();
    for (const auto& [name, value] : *claims.members()) {
        if (std::ranges::find(of_the_token, name) != of_the_token.end()) continue;
        std::string plain = name;
        std::ranges::replace(plain, '.', '_');
        Value inner = value;
        if (value.members() != nullptr) {
            auto inside = nameable(value);
            if (!inside) return inside;
            inner = std::move(*inside);
        }
        if (!copy.members()->insert(plain, std::move(inner)))
            return distrusted("two claims differ only in `.` and `_`: " + visible(plain), "oidc_claims");
    }
    return copy;
}

const Value& claim_at(const Value& claims, std::string_view path) {
    const Value* at = &claims;
    while (true) {
        auto dot = path.find('.');
        at = &(*at)[path.substr(0, dot)];
        if (dot == std::string_view::npos) return *at;
        path.remove_prefix(dot + 1);
    }
}

std::string claim_text(const Value& claims, std::string_view path) {
    const Value& value = claim_at(claims, path);
    if (value.boolean() != nullptr) return value.truth() ? "true" : "false";
    if (auto whole = value.integer()) return std::to_string(*whole);
    return std::string(value.text());
}

Result<Done> describe(const Issuer& issuer, const std::string& token_id, Workload& workload) {
    auto subject = claim_text(workload.claims, "sub");
    auto described = [&]() -> Result<Done> {
        switch (issuer.kind) {
            case IssuerKind::github:
                return describe_github(issuer, workload);
            case IssuerKind::gitlab:
                return describe_gitlab(issuer, workload);
            case IssuerKind::circleci:
                return describe_circleci(issuer, workload, subject);
            case IssuerKind::buildkite:
                return describe_buildkite(workload);
            case IssuerKind::kubernetes:
                return describe_kubernetes(workload);
            case IssuerKind::terraform:
                return describe_terraform(workload);
            case IssuerKind::generic:
                break;
        }
        return Done{};
    }();
    if (!described) return described;
    if (!issuer.run.empty()) workload.run = claim_text(workload.claims, issuer.run);
    if (workload.run.empty()) workload.run = "token " + token_id;
    if (workload.run.size() > run_bytes_max)
        return distrusted("the token names its run with more than 256 bytes", "oidc_claims");
    if (workload.name.empty()) workload.name = subject;
    workload.name = clip_utf8(workload.name, name_bytes_max);
    for (const auto& pattern : issuer.humans) {
        auto account = filled(pattern, workload.claims);
        if (account.empty())
            return distrusted("the token lacks a claim that names its human, " + pattern, "oidc_claims");
        auto human = core::read_account(account);
        if (!human)
            return distrusted(
                "the token's claims make no account of " + pattern + ": " + human.error().detail,
                "oidc_claims");
        workload.humans.push_back(std::move(*human));
    }
    return Done{};
}

}  // namespace countersign::identity
