# Reference values for tests/test_agreement.py and tests/test_evaluation.py.
#
#   Rscript make_reference.R      (in this folder; Debian: r-base-core r-cran-proc r-cran-psych r-cran-rms r-cran-hmisc
#   r-bioc-sva)
#
# Only for making the CSV files beside this script: neither the package nor its tests need R.
# Inputs are rounded, written, and read back before use, so that R and Python see the same numbers.

suppressMessages({library(pROC); library(psych); library(rms)})

save_csv <- function(table, name, digits = 17) {
  text <- which(sapply(table, is.character))
  exact <- function(column) sapply(column, format, digits = digits)
  table[] <- lapply(table, function(column) if (is.double(column)) exact(column) else column)
  write.csv(table, paste0(name, ".csv"), row.names = FALSE, quote = text)
}
input <- function(table, name) {
  save_csv(table, name, digits = 15)
  read.csv(paste0(name, ".csv"))
}
each <- function(table, by, f) do.call(rbind, lapply(split(table, factor(table[[by]], unique(table[[by]]))), f))

# ---- ICC ----------------------------------------------------------------------------------------------------
set.seed(1)
feature <- function(name, subjects, raters, spread, error, offset = 0, centre = 0, digits = 6) {
  truth <- rnorm(subjects, centre, spread)
  grid <- expand.grid(subject = 1:subjects, rater = 1:raters)
  grid$value <- round(truth[grid$subject] + offset * (grid$rater - 1) + rnorm(nrow(grid), 0, error), digits)
  cbind(feature = name, grid)
}
shrout_fleiss <- matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), 6, byrow = TRUE)
ratings <- input(rbind(
  cbind(feature = "shrout_fleiss", expand.grid(subject = 1:6, rater = 1:4), value = c(shrout_fleiss)),
  feature("excellent", 30, 2, 1, 0.1),
  feature("moderate", 30, 2, 1, 0.7),
  feature("none", 30, 2, 0.01, 1),
  feature("offset", 30, 2, 1, 0.2, offset = 2),
  feature("large_values", 30, 2, 1e7, 2e6, centre = 1e9, digits = 0),
  feature("small_values", 30, 2, 1e-5, 3e-6, centre = 1e-4, digits = 9),
  feature("three_raters", 12, 3, 1, 0.4, offset = 0.3),
  feature("two_subjects", 2, 2, 1, 0.5)
), "ratings")
save_csv(each(ratings, "feature", function(part) {
  wide <- matrix(part$value[order(part$rater, part$subject)], max(part$subject))
  do.call(rbind, lapply(c(0.05, 0.1), function(alpha) {
    # lmer = FALSE: analysis of variance. The default fits the same model iteratively, to about six digits.
    found <- ICC(as.data.frame(wide), lmer = FALSE, alpha = alpha)$results[c(2, 3), ]
    data.frame(feature = part$feature[1], form = c("ICC(2,1)", "ICC(3,1)"), alpha = alpha, icc = found$ICC,
               low = found$`lower bound`, high = found$`upper bound`)
  }))
}), "psych_ICC")

# ---- ROC ----------------------------------------------------------------------------------------------------
set.seed(2)
scored <- function(name, positive, negative, a, b, digits) {
  y <- c(rep(1, positive), rep(0, negative))
  common <- rnorm(length(y))
  score <- function(effect) round(plogis(effect * (2 * y - 1) + common + rnorm(length(y))), digits)
  data.frame(set = name, y = y, score_a = score(a), score_b = score(b))[sample(length(y)), ]
}
scores <- rbind(
  scored("test_34_9", 34, 9, 1.2, 0.8, 6),
  scored("test_34_9_ties", 34, 9, 1.2, 0.8, 1),
  scored("train_137_38", 137, 38, 1, 1.2, 6),
  scored("train_137_38_ties", 137, 38, 1, 1.2, 1),
  scored("worse_than_chance", 20, 15, -0.8, 0.1, 4),
  scored("a_perfect", 34, 9, 15, 0.6, 4),
  scored("two_and_two", 2, 2, 0.3, 0.1, 4)
)
scores <- input(scores, "scores")
curves <- function(part) lapply(part[c("score_a", "score_b")], function(score) {
  roc(part$y, score, levels = c(0, 1), direction = "<", quiet = TRUE)
})
save_csv(each(scores, "set", function(part) {
  do.call(rbind, lapply(c(0.05, 0.1), function(alpha) {
    found <- suppressWarnings(sapply(curves(part), ci.auc, conf.level = 1 - alpha))
    data.frame(set = part$set[1], score = c("score_a", "score_b"), alpha = alpha,
               auc = found[2, ], low = found[1, ], high = found[3, ])
  }))
}), "pROC_ci_auc")
save_csv(each(scores, "set", function(part) {
  pair <- curves(part)
  found <- suppressWarnings(roc.test(pair[[1]], pair[[2]], method = "delong", paired = TRUE))
  data.frame(set = part$set[1], z = unname(found$statistic), p = found$p.value)
}), "pROC_roc_test")
save_csv(each(scores, "set", function(part) {
  best <- coords(curves(part)[[1]], "best", best.method = "youden", ret = c("threshold", "sensitivity", "specificity"),
                 transpose = FALSE)
  best <- best[which.min(best$threshold), ]  # of equally good thresholds the most sensitive
  data.frame(set = part$set[1], best)
}), "pROC_coords_youden")
save_csv(each(scores, "set", function(part) {
  all <- coords(curves(part)[[1]], "all", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  do.call(rbind, lapply(c(0.8, 0.9, 1), function(target) {
    reached <- all[all$sensitivity >= target - 1e-12, ]  # threshold -Inf: only calling all positive reaches it
    data.frame(set = part$set[1], target = target, reached[which.max(reached$threshold), ])
  }))
}), "pROC_coords_sensitivity")
set.seed(22)
save_csv(each(scores[!scores$set %in% c("two_and_two", "a_perfect"), ], "set", function(part) {
  pair <- curves(part)
  found <- roc.test(pair[[1]], pair[[2]], method = "bootstrap", paired = TRUE, boot.n = 10000, boot.stratified = TRUE,
                    progress = "none")
  data.frame(set = part$set[1], d = unname(found$statistic), p = found$p.value)
}), "pROC_roc_test_bootstrap")

# ---- Two models' calls and probabilities --------------------------------------------------------------------
save_csv(each(scores, "set", function(part) {
  a_right <- (part$score_a >= 0.5) == part$y; b_right <- (part$score_b >= 0.4) == part$y
  only_a <- sum(a_right & !b_right); only_b <- sum(b_right & !a_right)
  p <- if (only_a + only_b) binom.test(only_a, only_a + only_b)$p.value else 1
  data.frame(set = part$set[1], a_right = only_a, b_right = only_b, p = p)
}), "binom_test_mcnemar")
save_csv(each(scores, "set", function(part) {
  continuous <- improveProb(part$score_a, part$score_b, part$y)
  # Calls as probabilities 0 and 1: a rise is a move up by one category.
  calls <- improveProb(as.numeric(part$score_a >= 0.5), as.numeric(part$score_b >= 0.4), part$y)
  data.frame(set = part$set[1], nri_categorical = calls$nri, nri_categorical_acute = calls$nri.ev,
             nri_categorical_chronic = calls$nri.ne, nri_continuous = continuous$nri,
             nri_continuous_acute = continuous$nri.ev, nri_continuous_chronic = continuous$nri.ne,
             idi = continuous$idi, idi_se = continuous$se.idi)
}), "Hmisc_improveProb")
families <- list(three = c(0.04, 0.01, 0.03), ties = c(0.02, 0.02, 0.5, 0.02), large = c(0.9, 0.6, 0.7),
                 missing = c(0.01, NA, 0.04, 0.03), one = 0.03)
save_csv(do.call(rbind, lapply(names(families), function(name) {
  data.frame(family = name, p = families[[name]], holm = p.adjust(families[[name]], "holm"))
})), "p_adjust_holm")

# ---- Calibration and decision curves ------------------------------------------------------------------------
set.seed(3)
predicted <- function(name, n, slope, intercept, digits = 6) {
  p <- round(plogis(rnorm(n, 1, 1.3)), digits)
  data.frame(set = name, y = rbinom(n, 1, plogis(intercept + slope * qlogis(p))), p = p)
}
probabilities <- rbind(
  predicted("calibrated", 150, 1, 0),
  predicted("overconfident", 150, 0.4, 0.3),
  predicted("test_43", 43, 0.8, 0),
  predicted("test_43_ties", 43, 0.8, 0, digits = 1),
  predicted("reversed", 100, -0.7, 0.2)
)
probabilities <- input(probabilities[probabilities$p > 0 & probabilities$p < 1, ], "probabilities")
save_csv(each(probabilities, "set", function(part) {
  published <- val.prob(part$p, part$y, pl = FALSE)
  # val.prob stops iterating early (about four digits); glm solves the same equations to the last digit.
  exact <- coef(glm(part$y ~ qlogis(part$p), family = binomial, control = glm.control(1e-15, 100)))
  data.frame(set = part$set[1], brier = published[["Brier"]], slope = published[["Slope"]],
             intercept = published[["Intercept"]], glm_slope = exact[[2]], glm_intercept = exact[[1]])
}), "rms_val_prob")
save_csv(each(probabilities, "set", function(part) {
  fit <- function(formula) coef(glm(formula, binomial, part, control = glm.control(1e-15, 100)))
  both <- fit(y ~ qlogis(p))
  data.frame(set = part$set[1], method = c("intercept", "intercept and slope"),
             intercept = c(fit(y ~ 1 + offset(qlogis(p))), both[[1]]), slope = c(1, both[[2]]))
}), "glm_recalibration")
save_csv(each(probabilities, "set", function(part) {
  found <- val.prob(part$p, part$y, pl = FALSE)
  # E50 is the median of the same errors, which val.prob does not give; ties are averaged as it does.
  smooth <- approx(lowess(part$p, part$y, iter = 0), xout = part$p, ties = mean)$y
  data.frame(set = part$set[1], ici = found[["Eavg"]], e50 = median(abs(part$p - smooth)), e90 = found[["E90"]])
}), "rms_calibration_errors")
thresholds <- c(0, 0.01, 0.1, 0.25, 0.5, 0.6, 0.8, 0.95, 0.99)
save_csv(each(probabilities, "set", function(part) {
  # The definition of Vickers and Elkin 2006, case by case.
  do.call(rbind, lapply(thresholds, function(threshold) {
    benefit <- function(treated) mean(treated & part$y == 1) - mean(treated & part$y == 0) * threshold / (1 - threshold)
    data.frame(set = part$set[1], threshold = threshold, net_benefit = benefit(part$p >= threshold),
               treat_all = benefit(rep(TRUE, nrow(part))))
  }))
}), "decision_curve")

# ---- Proportions, baseline tests ----------------------------------------------------------------------------
shares <- data.frame(hits = c(0, 1, 31, 9, 34, 137), total = c(9, 9, 34, 9, 43, 175))
save_csv(cbind(shares, t(mapply(function(hits, total) {
  setNames(suppressWarnings(prop.test(hits, total, correct = FALSE))$conf.int, c("low", "high"))
}, shares$hits, shares$total))), "prop_test_wilson")

set.seed(4)
measured <- function(name, a, b) {
  data.frame(set = name, group = rep(c("a", "b"), c(length(a), length(b))), value = c(a, b))
}
groups <- input(rbind(
  measured("normal", round(rnorm(175, 63.9, 15.3), 4), round(rnorm(43, 60.2, 17.4), 4)),
  measured("normal_small", round(rnorm(12), 4), round(rnorm(9, 1), 4)),
  measured("skewed_ties", round(rexp(175) * 5), round(rexp(43) * 6)),
  measured("skewed_exact", round(rexp(40)^3, 6), round(1.5 * rexp(30)^3, 6)),
  measured("skewed_large", round(rexp(60)^3, 6), round(1.5 * rexp(55)^3, 6)),
  measured("few_with_ties", c(1, 1, 1, 2, 9, 9, 40), c(1, 2, 2, 9, 60)),
  measured("hardly_two_values", c(0, 0, 0, 0, 1, 1), c(0, 1, 1, 1, 1, 1, 1))
), "groups")
save_csv(each(groups, "set", function(part) {
  a <- part$value[part$group == "a"]; b <- part$value[part$group == "b"]
  u <- suppressWarnings(wilcox.test(a, b))
  welch <- t.test(a, b); student <- t.test(a, b, var.equal = TRUE)
  data.frame(set = part$set[1], shapiro_p_a = shapiro.test(a)$p.value, shapiro_p_b = shapiro.test(b)$p.value,
             welch_t = unname(welch$statistic), welch_p = welch$p.value,
             student_t = unname(student$statistic), student_p = student$p.value,
             u = unname(u$statistic), u_p = u$p.value)
}), "shapiro_t_wilcox")

tables <- list(sex = c(95, 24, 80, 19), label = c(137, 34, 38, 9), unequal = c(30, 5, 10, 12), zero = c(12, 0, 20, 7),
               small = c(3, 1, 1, 4), alike = c(20, 10, 10, 5))
save_csv(do.call(rbind, lapply(names(tables), function(name) {
  table <- matrix(tables[[name]], 2)
  yates <- suppressWarnings(chisq.test(table)); plain <- suppressWarnings(chisq.test(table, correct = FALSE))
  data.frame(table = name, n11 = table[1, 1], n12 = table[1, 2], n21 = table[2, 1], n22 = table[2, 2],
             yates = unname(yates$statistic), yates_p = yates$p.value, plain = unname(plain$statistic),
             plain_p = plain$p.value, fisher_p = fisher.test(table)$p.value)
})), "chisq_fisher")

# ---- ComBat -------------------------------------------------------------------------------------------------
set.seed(5)
site <- rep(c("A", "B", "C"), c(14, 9, 7))
age <- round(rnorm(30, 60, 12), 1)
sited <- function(name, size, shift, spread, per_year) {
  scanner <- list(A = c(0, 1), B = c(shift, spread), C = c(-shift / 2, 1 / spread))
  value <- sapply(seq_along(site), function(i) scanner[[site[i]]][1] + scanner[[site[i]]][2] * rnorm(1))
  data.frame(feature = name, case = seq_along(site), site = site, age = age,
             value = signif(size * (10 + value + per_year * age), 9))
}
combat <- input(rbind(
  sited("small", 1e-3, 1, 1.3, 0.05), sited("large", 1e6, 2, 0.8, 0), sited("none", 1, 0, 1, 0.1),
  sited("spread", 5, 0, 2, 0), sited("shift", 100, 3, 1, -0.05), sited("both", 1, -2, 1.6, 0.02),
  cbind(sited("constant_at_C", 1, 1, 1, 0)[1:4], value = ifelse(site == "C", 2, seq_along(site) %% 7))
), "combat")
wide <- matrix(combat$value, ncol = 30, byrow = TRUE, dimnames = list(unique(combat$feature), NULL))
save_csv(do.call(rbind, lapply(c("none", "age"), function(covariate) {
  mod <- if (covariate == "age") model.matrix(~age)
  found <- suppressMessages(sva::ComBat(wide, site, mod))
  data.frame(covariate = covariate, feature = rownames(wide)[row(found)], case = c(col(found)), value = c(found))
})), "sva_ComBat")

# ---- Versions -----------------------------------------------------------------------------------------------
packages <- c("pROC", "psych", "rms", "Hmisc", "sva")
save_csv(data.frame(software = c("R", packages),
                    version = c(paste(R.version$major, R.version$minor, sep = "."),
                                sapply(packages, function(name) as.character(packageVersion(name))))), "versions")
