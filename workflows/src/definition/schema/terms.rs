//! The Chinese terms of the language, type by type in reading order: titles of the schema, and the order and second
//! language of the reference.
//!
//! A new type or key of the model gets its term here; a test names those that have none.

/// A type of the model with its term, and its keys with theirs.
pub struct Terms {
    /// The type's name in the model.
    pub name: &'static str,
    /// What it is called in Chinese.
    pub zh: &'static str,
    /// Its keys, in reading order, with what they are called.
    pub keys: &'static [(&'static str, &'static str)],
}

/// The term of a type.
#[must_use]
pub fn of_type(name: &str) -> Option<&'static str> {
    TERMS
        .iter()
        .find(|terms| terms.name == name)
        .map(|terms| terms.zh)
}

/// The term of a key of a type.
#[must_use]
pub fn of(name: &str, key: &str) -> Option<&'static str> {
    TERMS
        .iter()
        .find(|terms| terms.name == name)?
        .keys
        .iter()
        .find(|(own, _)| *own == key)
        .map(|(_, zh)| *zh)
}

/// All terms, in reading order.
pub const TERMS: &[Terms] = &[
    Terms {
        name: "Definition",
        zh: "流程定义",
        keys: &[
            ("extends", "继承"),
            ("language", "语言版本"),
            ("id", "标识"),
            ("name", "名称"),
            ("source", "依据文件"),
            ("level", "发文层级"),
            ("year", "计划年度"),
            ("assume_calendar", "假定日历"),
            ("areas", "区域"),
            ("tracks", "板块"),
            ("facts", "事实类型"),
            ("stages", "阶段"),
            ("milestones", "里程碑"),
            ("counters", "项目计数"),
            ("lots", "标段"),
            ("orders", "派单"),
            ("targets", "目标"),
            ("ladder", "督办阶梯"),
            ("lamps", "亮灯"),
            ("reporting", "报送"),
            ("long_term_modes", "长效管理模式"),
            ("not_computable", "不作计算"),
        ],
    },
    Terms {
        name: "AssumedYear",
        zh: "假定的年份",
        keys: &[
            ("year", "年份"),
            ("as", "按何计算"),
            ("assumed_on", "假定日期"),
            ("basis", "依据"),
        ],
    },
    Terms {
        name: "AssumedDays",
        zh: "假定的工作日",
        keys: &[],
    },
    Terms {
        name: "Text",
        zh: "双语文本",
        keys: &[("zh", "中文"), ("en", "英文")],
    },
    Terms {
        name: "Quote",
        zh: "原文",
        keys: &[],
    },
    Terms {
        name: "Document",
        zh: "依据文件",
        keys: &[
            ("title", "标题"),
            ("issuer", "发文单位"),
            ("issued", "发文日"),
            ("published", "公布日"),
            ("quote", "原文"),
            ("notes", "说明"),
        ],
    },
    Terms {
        name: "Level",
        zh: "发文层级",
        keys: &[],
    },
    Terms {
        name: "ProgrammeYear",
        zh: "计划年度",
        keys: &[("value", "年份"), ("assumed", "系假定"), ("quote", "原文")],
    },
    Terms {
        name: "Area",
        zh: "区域",
        keys: &[
            ("name", "名称"),
            ("parent", "上级区域"),
            ("groups", "区域组"),
            ("quote", "原文"),
        ],
    },
    Terms {
        name: "Track",
        zh: "板块",
        keys: &[
            ("name", "名称"),
            ("relevance", "相关程度"),
            ("quote", "原文"),
        ],
    },
    Terms {
        name: "Relevance",
        zh: "相关程度",
        keys: &[],
    },
    Terms {
        name: "Applies",
        zh: "适用范围",
        keys: &[
            ("tracks", "板块"),
            ("areas", "区域"),
            ("groups", "区域组"),
            ("categories", "项目类别"),
        ],
    },
    Terms {
        name: "FactType",
        zh: "事实类型",
        keys: &[
            ("name", "名称"),
            ("stage", "所在阶段"),
            ("fields", "字段"),
            ("reporters", "填报角色"),
            ("documents", "佐证材料"),
            ("applies", "适用范围"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Field",
        zh: "字段",
        keys: &[
            ("name", "名称"),
            ("kind", "类型"),
            ("required", "必填"),
            ("unit", "单位"),
            ("values", "可选代码"),
            ("min", "最小值"),
            ("max", "最大值"),
        ],
    },
    Terms {
        name: "FieldKind",
        zh: "字段类型",
        keys: &[],
    },
    Terms {
        name: "Stage",
        zh: "阶段",
        keys: &[
            ("name", "名称"),
            ("order", "次序"),
            ("applies", "适用范围"),
            ("next", "下一步"),
            ("returns", "退回"),
            ("responsible", "责任单位"),
            ("deadlines", "期限"),
            ("exit", "离开条件"),
            ("per_lot", "按标段"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Responsible",
        zh: "责任单位",
        keys: &[
            ("unit", "单位"),
            ("role", "分工"),
            ("applies", "适用范围"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "NamedRule",
        zh: "有名称的规则",
        keys: &[("name", "名称"), ("quote", "原文"), ("source", "依据")],
    },
    Terms {
        name: "Requirement",
        zh: "条件",
        keys: &[
            ("name", "名称"),
            ("severity", "力度"),
            ("per_lot", "按标段"),
            ("applies", "适用范围"),
            ("unless", "免除条件"),
            ("share", "比例"),
            ("fact", "事实"),
            ("publicity", "公示"),
            ("signers", "签字方"),
            ("sum", "合计"),
            ("order", "先后"),
            ("settled", "逐件办结"),
            ("not_before", "不早于"),
            ("orders_closed", "派单销号"),
            ("vote", "表决"),
            ("procedures", "手续"),
            ("conditions", "附加条件"),
            ("inspection", "分项验收"),
            ("expression", "表达式"),
            ("window", "时间窗口"),
            ("note", "说明"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Severity",
        zh: "力度",
        keys: &[],
    },
    Terms {
        name: "Share",
        zh: "比例",
        keys: &[
            ("of", "分子"),
            ("over", "分母"),
            ("at_least", "不低于"),
            ("more_than", "超过"),
            ("at_most", "不高于"),
            ("less_than", "低于"),
            ("where", "取值条件"),
            ("tally", "计法"),
            ("over_tally", "分母计法"),
            ("unit", "单位"),
        ],
    },
    Terms {
        name: "Fraction",
        zh: "精确分数",
        keys: &[],
    },
    Terms {
        name: "Reference",
        zh: "取数",
        keys: &[],
    },
    Terms {
        name: "Tally",
        zh: "计法",
        keys: &[],
    },
    Terms {
        name: "FactCount",
        zh: "事实次数",
        keys: &[
            ("any_of", "任一事实"),
            ("where", "取值条件"),
            ("at_least", "至少次数"),
            ("this_visit", "限本次进入"),
        ],
    },
    Terms {
        name: "FactMatch",
        zh: "事实匹配",
        keys: &[("any_of", "任一事实"), ("where", "取值条件")],
    },
    Terms {
        name: "Publicity",
        zh: "公示",
        keys: &[
            ("posted", "公示开始"),
            ("days", "天数"),
            ("kind", "日的算法"),
            ("count_first_day", "首日计入"),
            ("removed", "公示撤下"),
            ("channels", "公示渠道"),
            ("channel_field", "渠道字段"),
            ("objections", "异议"),
        ],
    },
    Terms {
        name: "Settled",
        zh: "逐件办结",
        keys: &[("opened", "提出"), ("closed", "办结"), ("key", "编号字段")],
    },
    Terms {
        name: "Signers",
        zh: "签字方",
        keys: &[
            ("of", "签字字段"),
            ("where", "取值条件"),
            ("all_of", "全部签字方"),
        ],
    },
    Terms {
        name: "Sum",
        zh: "合计",
        keys: &[
            ("of", "合计项"),
            ("where", "取值条件"),
            ("at_least", "不低于"),
            ("at_most", "不高于"),
            ("per", "每"),
            ("unit", "单位"),
        ],
    },
    Terms {
        name: "OrderOfDates",
        zh: "先后",
        keys: &[("earlier", "在先"), ("later", "在后")],
    },
    Terms {
        name: "NotBefore",
        zh: "不早于",
        keys: &[("day", "日期")],
    },
    Terms {
        name: "OrdersClosed",
        zh: "派单销号",
        keys: &[("about", "事由")],
    },
    Terms {
        name: "Vote",
        zh: "表决",
        keys: &[
            ("of", "表决结果"),
            ("where", "取值条件"),
            ("tally", "计法"),
            ("bases", "计票口径"),
            ("quorum", "参与比例"),
            ("consent", "同意比例"),
            ("of_electorate", "以全体为分母"),
        ],
    },
    Terms {
        name: "VoteBase",
        zh: "计票口径",
        keys: &[
            ("name", "名称"),
            ("agreed", "同意字段"),
            ("voted", "参与字段"),
            ("electorate", "有表决权者"),
            ("electorate_where", "名册取值条件"),
            ("unit", "单位"),
        ],
    },
    Terms {
        name: "Bar",
        zh: "比例线",
        keys: &[("at_least", "不低于"), ("more_than", "超过")],
    },
    Terms {
        name: "Procedure",
        zh: "手续",
        keys: &[
            ("name", "名称"),
            ("done", "办结事实"),
            ("waived", "免办"),
            ("applies", "适用范围"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Waiver",
        zh: "免办",
        keys: &[
            ("by", "免办事实"),
            ("when", "免办条件"),
            ("basis", "免办依据"),
        ],
    },
    Terms {
        name: "Conditions",
        zh: "附加条件",
        keys: &[
            ("approval", "附条件的批复"),
            ("set", "提出条件"),
            ("discharged", "落实条件"),
            ("key", "编号字段"),
            ("before_field", "落实期限字段"),
            ("before", "在何阶段前"),
        ],
    },
    Terms {
        name: "Inspection",
        zh: "分项验收",
        keys: &[
            ("of", "验收事实"),
            ("where", "取值条件"),
            ("item", "分项字段"),
            ("items", "必验分项"),
            ("result", "结论字段"),
            ("passed", "合格结论"),
            ("rectified", "整改事实"),
        ],
    },
    Terms {
        name: "Expression",
        zh: "表达式",
        keys: &[("cel", "表达式"), ("message", "说明")],
    },
    Terms {
        name: "Window",
        zh: "时间窗口",
        keys: &[
            ("from", "起"),
            ("to", "止"),
            ("bound", "是否含当日"),
            ("judged", "何时判断"),
            ("brings_into_force", "使之生效"),
        ],
    },
    Terms {
        name: "Judged",
        zh: "何时判断",
        keys: &[],
    },
    Terms {
        name: "Deadline",
        zh: "期限",
        keys: &[
            ("name", "名称"),
            ("from", "窗口起始"),
            ("due", "到期"),
            ("bound", "是否含当日"),
            ("met_by", "由何事实达成"),
            ("per_lot", "按标段"),
            ("applies", "适用范围"),
            ("note", "说明"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Due",
        zh: "到期",
        keys: &[("on", "日期"), ("after", "起算"), ("plan", "项目计划日")],
    },
    Terms {
        name: "After",
        zh: "起算",
        keys: &[
            ("entered", "进入阶段"),
            ("fact", "事实"),
            ("days", "天数"),
            ("kind", "日的算法"),
            ("count_first_day", "首日计入"),
        ],
    },
    Terms {
        name: "DayRule",
        zh: "计划日期",
        keys: &[],
    },
    Terms {
        name: "DayKind",
        zh: "日的算法",
        keys: &[],
    },
    Terms {
        name: "Bound",
        zh: "是否含当日",
        keys: &[],
    },
    Terms {
        name: "PlanDay",
        zh: "项目计划日",
        keys: &[],
    },
    Terms {
        name: "Milestones",
        zh: "里程碑",
        keys: &[
            ("started", "开工"),
            ("finished", "完工"),
            ("accepted", "验收"),
        ],
    },
    Terms {
        name: "Lots",
        zh: "标段",
        keys: &[
            ("name", "名称"),
            ("required", "必须划分"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Orders",
        zh: "派单",
        keys: &[
            ("about", "事由"),
            ("within", "办理时限"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Within",
        zh: "办理时限",
        keys: &[("days", "天数"), ("kind", "日的算法")],
    },
    Terms {
        name: "Target",
        zh: "目标",
        keys: &[
            ("name", "名称"),
            ("applies", "适用范围"),
            ("measure", "计量"),
            ("reached", "达到"),
            ("sum_of", "合计项"),
            ("count", "数量"),
            ("at_least", "不低于"),
            ("per_area", "各区域分别"),
            ("due", "到期"),
            ("bound", "是否含当日"),
            ("batch", "年度批次"),
            ("cumulative", "累计数"),
            ("note", "说明"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Measure",
        zh: "计量",
        keys: &[],
    },
    Terms {
        name: "Milestone",
        zh: "里程碑",
        keys: &[],
    },
    Terms {
        name: "LadderStep",
        zh: "督办步骤",
        keys: &[
            ("step", "级"),
            ("name", "名称"),
            ("days", "天数"),
            ("kind", "日的算法"),
            ("to", "发给"),
            ("reply_days", "回复期限"),
            ("form", "文书"),
            ("signed", "人工签发"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Lamps",
        zh: "亮灯",
        keys: &[
            ("yellow", "黄灯"),
            ("red", "红灯"),
            ("kind", "日的算法"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Reporting",
        zh: "报送",
        keys: &[
            ("name", "名称"),
            ("cadence", "周期"),
            ("by", "报送单位"),
            ("to", "报送对象"),
            ("quote", "原文"),
            ("source", "依据"),
        ],
    },
    Terms {
        name: "Cadence",
        zh: "周期",
        keys: &[],
    },
    Terms {
        name: "NotComputable",
        zh: "不作计算",
        keys: &[("name", "名称"), ("reason", "原因"), ("quote", "原文")],
    },
];
