"""Building blocks of dashboards: queries, panels, rows and variables as Grafana's JSON."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24  # of Grafana's grid

# The same thing has the same colour on every dashboard.
QUIET, ALARM, UNSURE, PLAIN, MUTED = "#56A64B", "#E02F44", "#FF9830", "#5794F2", "#8E8E8E"


def query(expr, legend="", instant=False):
    return {"expr": " ".join(expr.split()), "legendFormat": legend or "__auto", "instant": instant,
            "range": not instant, "format": "table" if instant else "time_series",
            "datasource": SOURCE}


def steps(*pairs):
    """(None, colour) first, then (from, colour)."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour}
                                          for value, colour in pairs]}


def panel(kind, title, about, queries, width, height, unit="short", defaults=None, options=None,
          overrides=None, transformations=None):
    made = {"type": kind, "title": title, "description": about, "datasource": SOURCE,
            "targets": [dict(one, refId=chr(ord("A") + i)) for i, one in enumerate(queries)],
            "gridPos": {"w": width, "h": height},
            "fieldConfig": {"defaults": {"unit": unit, **(defaults or {})},
                            "overrides": overrides or []},
            "options": options or {}}
    if transformations:
        made["transformations"] = transformations
    return made


def stat(title, about, expr, unit="short", thresholds=None, width=4, mappings=None, graph=True):
    return panel("stat", title, about, [query(expr)], width, 4, unit,
                 {"thresholds": thresholds or steps((None, PLAIN)), "mappings": mappings or [],
                  "noValue": "–"},
                 {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value",
                  "graphMode": "area" if graph else "none", "justifyMode": "auto"})


def lines(title, about, queries, unit="short", width=12, height=8, stack=False, limit=None,
          colours=None, low=None, log=False):
    custom = {"drawStyle": "line", "lineWidth": 1.5, "fillOpacity": 30 if stack else 8,
              "showPoints": "never", "spanNulls": False,
              "stacking": {"mode": "normal" if stack else "none"},
              "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"}}
    defaults = {"custom": custom}
    if low is not None:
        defaults["min"] = low
    if limit is not None:
        custom["thresholdsStyle"] = {"mode": "line"}
        defaults["thresholds"] = steps((None, "transparent"), (limit, ALARM))
    overrides = [{"matcher": {"id": "byName", "options": name},
                  "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
                 for name, colour in (colours or {}).items()]
    return panel("timeseries", title, about, queries, width, height, unit, defaults,
                 {"legend": {"displayMode": "list", "placement": "bottom"},
                  "tooltip": {"mode": "multi", "sort": "desc"}}, overrides)


def table(title, about, queries, columns, width=24, height=9, links=None, sort=None):
    """columns: label or (value's letter, name, unit); anything else is hidden."""
    names, order, overrides = {}, {}, []
    for place, column in enumerate(columns):
        field, name, unit = (column, column, None) if isinstance(column, str) else (
            f"Value #{column[0]}" if len(queries) > 1 else "Value", column[1], column[2])
        names[field], order[field] = name, place
        properties = []
        if unit:
            properties.append({"id": "unit", "value": unit})
        if links and name == links[0]:
            properties.append({"id": "links", "value": [{"title": links[1], "url": links[2]}]})
        if properties:
            overrides.append({"matcher": {"id": "byName", "options": name},
                              "properties": properties})
    transformations = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    transformations.append({"id": "filterFieldsByName", "options": {"include": {
        "names": list(order)}}})
    transformations.append({"id": "organize", "options": {
        "indexByName": order, "renameByName": {k: v for k, v in names.items() if k != v}}})
    return panel("table", title, about, queries, width, height, "short",
                 {"custom": {"align": "auto", "filterable": True}},
                 {"showHeader": True,
                  "sortBy": [{"displayName": sort, "desc": True}] if sort else []},
                 overrides, transformations)


def timeline(title, about, expr, legend, width=24, height=8):
    return panel("state-timeline", title, about, [query(expr, legend)], width, height, "short",
                 {"custom": {"lineWidth": 0, "fillOpacity": 80},
                  "thresholds": steps((None, QUIET), (1, ALARM)),
                  "mappings": [{"type": "value", "options": {
                      "0": {"text": "quiet", "color": QUIET},
                      "1": {"text": "firing", "color": ALARM}}}]},
                 {"mergeValues": True, "showValue": "never", "rowHeight": 0.85,
                  "legend": {"showLegend": False}})


def text(markdown, width=24, height=3):
    return {"type": "text", "title": "", "gridPos": {"w": width, "h": height},
            "transparent": True, "options": {"mode": "markdown", "content": markdown}}


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"w": WIDTH, "h": 1}}


def place(panels):
    """Fills lines from the left; a line is as high as its highest panel."""
    x = y = high = 0
    for number, one in enumerate(panels, 1):
        grid = one["gridPos"]
        if x + grid["w"] > WIDTH:
            x, y, high = 0, y + high, 0
        one["id"] = number
        grid["x"], grid["y"] = x, y
        x, high = x + grid["w"], max(high, grid["h"])
    return panels


def variable(name, label, metric, field, many=True):
    made = {"type": "query", "name": name, "label": label, "datasource": SOURCE,
            "query": {"query": f"label_values({metric}, {field})", "refId": name},
            "refresh": 2, "sort": 1, "multi": many, "includeAll": many}
    if many:
        made["allValue"] = ".*"
        made["current"] = {"text": "All", "value": "$__all"}
    return made


def dashboard(uid, title, about, variables, panels, annotations=()):
    return {"uid": uid, "title": title, "description": about, "tags": ["faultline"], "id": None,
            "schemaVersion": 39, "version": 1, "editable": True, "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"}, "timezone": "utc", "graphTooltip": 1,
            "templating": {"list": variables},
            "annotations": {"list": list(annotations)},
            "links": [{"type": "dashboards", "title": "Faultline", "tags": ["faultline"],
                       "asDropdown": True, "includeVars": True, "keepTime": True}],
            "panels": place(panels)}
