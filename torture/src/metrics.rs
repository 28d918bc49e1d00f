//! What instances tell Prometheus, read and added up.

use std::collections::BTreeMap;

use reqwest::Client;

use crate::TortureError;

/// Series, by their whole text: the name and the labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series(BTreeMap<String, f64>);

impl Series {
    /// Asks instances, and adds up what they tell.
    pub(crate) async fn of(http: &Client, addresses: &[String]) -> Result<Self, TortureError> {
        let mut sum = Self::default();
        for address in addresses {
            let text = http.get(format!("http://{address}/metrics")).send().await?;
            sum.add(&text.error_for_status()?.text().await?)?;
        }
        Ok(sum)
    }

    fn add(&mut self, text: &str) -> Result<(), TortureError> {
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (series, value) = line.rsplit_once(' ').ok_or("a line without a value")?;
            let value: f64 = value.parse().map_err(|_| format!("no number: {line}"))?;
            *self.0.entry(series.to_owned()).or_default() += value;
        }
        Ok(())
    }

    /// The values of a metric, by the text of its labels as `first,second`. Those at 0 are left out.
    pub(crate) fn by_labels(&self, metric: &str) -> BTreeMap<String, u64> {
        let values = self.0.iter().filter_map(|(series, value)| {
            let labels = match series.strip_prefix(metric)? {
                "" => String::new(),
                labels => texts(labels.strip_prefix('{')?),
            };
            (*value > 0.0).then(|| (labels, whole(*value)))
        });
        values.collect()
    }

    /// The sum of all values of a metric.
    pub(crate) fn total(&self, metric: &str) -> u64 {
        self.by_labels(metric).values().sum()
    }
}

/// The quoted texts in a list of labels.
fn texts(labels: &str) -> String {
    let quoted = labels.split('"').skip(1).step_by(2);
    quoted.collect::<Vec<_>>().join(",")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "they are counts, and far below 2^52"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::Series;

    #[test]
    fn what_several_instances_tell_is_added_up_by_labels() {
        let text = "# HELP a_total A.\na_total{b=\"POST /v1/c/{id}\",d=\"ok\"} 2\na_total{b=\"e\",d=\"ok\"} 0\nf 1\n\na_total_g 9\n";
        let mut series = Series::default();
        series.add(text).expect("the text is as Prometheus has it");
        series.add(text).expect("the text is as Prometheus has it");
        let found = series.by_labels("a_total");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("POST /v1/c/{id},ok".to_owned(), 4)]
        );
        assert_eq!((series.total("f"), series.total("a_total")), (2, 4));
    }
}
