//! The servers that a URL names: one, or several of which one takes writes.

/// The same URL once for each of its servers, `postgres://user:password@one:5432,two:5432/name`.
///
/// One by one, so that each can be given its time: the driver, which would go through them too, waits without end for a
/// server that accepts a connection and then says nothing.
pub(super) fn of_url(url: &str) -> Vec<String> {
    // As the driver reads it: what stands before the first `@` is the user's name and password, whatever is in it.
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let begin = url[after_scheme..]
        .find('@')
        .map_or(after_scheme, |at| after_scheme + at + 1);
    let end = url[begin..].find(['/', '?']).map_or(url.len(), |at| begin + at);
    let (before, servers, after) = (&url[..begin], &url[begin..end], &url[end..]);
    servers
        .split(',')
        .map(|server| format!("{before}{server}{after}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of_url;

    #[test]
    fn one_server_is_left_as_it_is() {
        for url in [
            "postgres://user:a,b/c?d@one/name",
            "postgresql://one",
            "postgres://user@[::1]:5433?dbname=a,b",
            "postgres:///name?host=/run/postgresql",
        ] {
            assert_eq!(of_url(url), [url]);
        }
    }

    #[test]
    fn each_of_several_has_all_the_rest() {
        assert_eq!(
            of_url("postgres://user:a,b@one:1,[::1]:2,three/name?sslmode=require&options=-c%20a=b,c"),
            [
                "postgres://user:a,b@one:1/name?sslmode=require&options=-c%20a=b,c",
                "postgres://user:a,b@[::1]:2/name?sslmode=require&options=-c%20a=b,c",
                "postgres://user:a,b@three/name?sslmode=require&options=-c%20a=b,c",
            ]
        );
    }
}
