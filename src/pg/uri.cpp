#include "pg/uri.hpp"

#include <string_view>

namespace countersign::pg {
namespace {

bool is_uri(std::string_view text) {
    return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

std::string escaped(std::string_view value, bool uri) {
    std::string out;
    for (char c : value) {
        if (uri && c == ' ')
            out += "%20";
        else if (!uri && (c == '\'' || c == '\\'))
            (out += '\\') += c;
        else
            out += c;
    }
    return uri ? out : "'" + out + "'";
}

void add(std::string& text, bool uri, std::string_view key, std::string_view value) {
    if (text.contains(std::string(key) + "=")) return;
    if (uri)
        text += text.contains('?') ? "&" : "?";
    else
        text += ' ';
    text += key;
    text += '=';
    text += escaped(value, uri);
}

}  // namespace

bool several_hosts(std::string_view text) {
    if (is_uri(text)) {
        std::string_view rest = text.substr(text.find("://") + 3);
        std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
        std::string_view query = rest.find('?') == std::string_view::npos ? "" : rest.substr(rest.find('?'));
        std::size_t named = query.find("host=");
        std::string_view hosts = named == std::string_view::npos ? "" : query.substr(named);
        hosts = hosts.substr(0, hosts.find('&'));
        std::size_t at = authority.rfind('@');
        if (at != std::string_view::npos) authority = authority.substr(at + 1);
        return authority.contains(',') || hosts.contains(',') || hosts.contains("%2C");
    }
    std::size_t named = text.find("host");
    if (named == std::string_view::npos) return false;
    std::string_view hosts = text.substr(named);
    return hosts.substr(0, hosts.find(' ')).contains(',');
}

std::string complete_uri(const Secret& uri, std::chrono::seconds connect_timeout, const std::string& name) {
    std::string text(uri.reveal());
    bool form = is_uri(text);
    add(text, form, "connect_timeout", std::to_string(connect_timeout.count()));
    add(text, form, "application_name", name);
    add(text, form, "keepalives_idle", "10");
    add(text, form, "keepalives_interval", "5");
    add(text, form, "keepalives_count", "3");
    add(text, form, "tcp_user_timeout", "15000");
    if (several_hosts(uri.reveal())) add(text, form, "target_session_attrs", "read-write");
    return text;
}

}  // namespace countersign::pg
