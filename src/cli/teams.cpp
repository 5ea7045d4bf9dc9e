#include <fmt/core.h>

#include <utility>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "cli/teams_app.hpp"
#include "cli/verbs.hpp"
#include "cli/write_file.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"

namespace countersign::cli {
namespace {

constexpr std::string_view example_id = "00000000-0000-0000-0000-000000000000";
constexpr std::string_view example_host = "approvals.example.com";

void put_in_place(std::string& text, std::string_view of, std::string_view with) {
    for (auto at = text.find(of); at != std::string::npos; at = text.find(of, at + with.size()))
        text.replace(at, of.size(), with);
}

// The host by which Teams reaches the server; it must be reachable from outside over https.
Result<net::Url> public_address(const config::Settings& settings) {
    if (settings.public_url.empty())
        return std::unexpected(config::missing("public_url", "Teams calls the server there, over https"));
    auto url = net::parse_url(settings.public_url);
    if (!url || url->scheme != "https")
        return fail(Trouble::invalid_input, "public_url must be https: Teams calls no other address");
    return url;
}

}  // namespace

int teams_package_verb(const TeamsOptions& options) {
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    if (settings->teams.app_id.empty())
        return failed(config::missing("teams.app_id", "`countersign teams setup` says how to get one"));
    auto url = public_address(*settings);
    if (!url) return failed(url.error());
    auto files = teams_app_files();
    for (ZipFile& file : files) {
        if (file.name != "manifest.json") continue;
        put_in_place(file.bytes, example_id, settings->teams.app_id);
        put_in_place(file.bytes, example_host, url->host);
    }
    auto written = write_file(options.output, zip_of(files));
    if (!written) return failed(written.error());
    print(fmt::format("{}: upload it in Teams under Apps, Manage your apps, Upload an app",
                      visible(options.output)));
    return exit_ok;
}

int teams_setup_verb(const TeamsOptions& options) {
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    auto url = public_address(*settings);
    if (!url) return failed(url.error());
    const auto endpoint = fmt::format("{}/api/messages", url->origin());
    print("1. Register the bot. Node 20 is needed, no Azure subscription:");
    print("     npx @microsoft/teams.cli login");
    print(
        fmt::format("     npx @microsoft/teams.cli app create -n Countersign -e {} --sign-in-audience myOrg "
                    "--env teams.env",
                    endpoint));
    print("   or in the Azure portal: create an Azure Bot, type Single Tenant, messaging endpoint");
    print(fmt::format("     {}", endpoint));
    print("   with the channel Microsoft Teams; then make a client secret of its app registration.");
    print("2. Give the server what came of it:");
    print(
        "     COUNTERSIGN_TEAMS_APP_ID=…  COUNTERSIGN_TEAMS_APP_PASSWORD_FILE=…  COUNTERSIGN_TEAMS_TENANT=…");
    print("3. Make the app and upload it to the team whose channel is to show requests:");
    print("     countersign teams package");
    print("4. Copy a link to that channel: what stands in it as 19%3A…%40thread.tacv2 is, decoded,");
    print("     COUNTERSIGN_TEAMS_CHANNEL=19:…@thread.tacv2");
    return exit_ok;
}

}  // namespace countersign::cli
