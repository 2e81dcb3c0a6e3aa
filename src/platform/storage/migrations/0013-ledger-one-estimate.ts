/** SQL of the migration 0013-ledger-one-estimate: a reservation has one estimate, whatever is left of a budget. */
export const ledgerOneEstimate = `
do $$
declare
  body text := pg_get_functiondef('ledger_apply(jsonb)'::regprocedure);
  edits text[] := array[
    array[$edit$  req_near bigint[] := translate((batch->'requests'->'near')::text, '[]', '{}')::bigint[];
$edit$, ''],
    array['is_near boolean; ', ''],
    array['is_near := false; ', ''],
    array[$edit$        if 5 * (spent[b] + reserved[b] + req_nano[r]) > 4 * limit_nano[l] then is_near := true; end if;
$edit$, ''],
    array['case when is_near then req_near[r] else req_nano[r] end', 'req_nano[r]']
  ];
begin
  for edit in 1 .. array_length(edits, 1) loop
    if position(edits[edit][1] in body) = 0 then
      raise exception 'ledger_apply is not as migration 0008 made it';
    end if;
    body := replace(body, edits[edit][1], edits[edit][2]);
  end loop;
  execute body;
end $$;
`;
